/* report.h - one self-contained HTML page about a run folder (results.h5) or a sweep folder (runs.csv,
 * runs/<id>/results.h5). No network, no JavaScript needed to read it; docs/report.md says what it shows. */
#ifndef SG_PIPELINE_REPORT_H
#define SG_PIPELINE_REPORT_H

#include "core/status.h"

#include <stdio.h>

/* Writes out_html (NULL: "<dir>/report.html"), <dir>/figures/<name>.svg and .png and, for a sweep, <dir>/summary.csv.
 * A run that cannot be read is left out and named on the page; a figure that cannot be drawn (gnuplot missing) leaves
 * its reason there. SG_E_IO if there is no readable run at all or the page cannot be written; nothing is half-written.
 * The same results give the same bytes. */
sg_status sg_report_make(const char *dir, const char *out_html);

/* The same numbers as text. A sweep: a table a condition, a line an arm, mean and interval over its seeds of the first
 * two scores that the runs have. One run: every score on a line. SG_E_IO if there is no readable run. */
sg_status sg_report_print(const char *dir, FILE *out);

#endif
