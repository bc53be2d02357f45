/* report_page.h - the parts of the report's page, in the order in which they stand there. Not public. */
#ifndef SG_PIPELINE_REPORT_PAGE_H
#define SG_PIPELINE_REPORT_PAGE_H

#include "pipeline/figure.h"
#include "pipeline/report_data.h"
#include "pipeline/text.h"

typedef struct sg_page {
    sg_text html;
    const sg_report_data *data;
    sg_status status; /* of writing the figures' files */
} sg_page;

extern const char sg_report_style[]; /* report_style.c */
extern const char sg_report_script[];

/* Puts a figure on the page and its files into figures/<name>.svg and .png; `drawn` other than SG_OK: the reason
 * instead. `name` keeps letters and digits, the rest becomes _. Frees the figure. */
void sg_page_figure(sg_page *page, sg_status drawn, sg_figure *figure, const char *css, const char *name,
                    const char *caption);
/* What stands beside the main metric: AP beside Dice, PSNR beside the mean square error, AUC beside balanced accuracy.
 * -1: nothing. */
int sg_page_second_metric(const sg_report_data *data);

/* report_view.c: the range of an axis. `wanted` numbers (those of the reference and of the best arm) are always inside;
 * others as far as they do not squeeze the wanted ones. */
typedef struct sg_report_view {
    double lo, hi;         /* of the wanted ones; after fit: of the axis, lo < hi unless there is one value or none */
    double all_lo, all_hi; /* of all */
    double least, most;    /* an interval may reach beyond what a score can be; the axis does not */
} sg_report_view;
sg_report_view sg_report_view_none(void);
/* Scores end at 0 and 1, errors and losses at 0. */
sg_report_view sg_report_view_of(const sg_report_metric *metric);
void sg_report_view_take(sg_report_view *view, double value, bool wanted); /* NaN is left out */
void sg_report_view_join(sg_report_view *view, const sg_report_view *other);
void sg_report_view_fit(sg_report_view *view);

/* report_setup.c */
void sg_page_header(sg_page *page);
void sg_page_setup(sg_page *page);
/* report_chain.c */
void sg_page_chain(sg_page *page);
/* report_examples.c */
void sg_page_examples(sg_page *page);
/* report_strip.c: figures/examples.png, without a place on the page; nothing where gnuplot is missing */
void sg_page_strip(sg_page *page);
/* report_light.c */
void sg_page_light(sg_page *page);
/* report_hardware.c */
void sg_page_hardware(sg_page *page);
/* report_charts.c */
void sg_page_arms(sg_page *page);
void sg_page_curves(sg_page *page);
/* report_keys.c */
void sg_page_keys(sg_page *page);
/* report_maps.c */
void sg_page_maps(sg_page *page);
/* report_classes.c */
void sg_page_classes(sg_page *page);
/* report_findings.c */
void sg_page_findings(sg_page *page);
/* report_table.c */
void sg_page_table(sg_page *page);
void sg_page_files(sg_page *page);

#endif
