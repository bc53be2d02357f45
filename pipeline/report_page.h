/* report_page.h - the parts of the report's page, in the order in which they stand there. Not public. */
#ifndef SG_PIPELINE_REPORT_PAGE_H
#define SG_PIPELINE_REPORT_PAGE_H

#include "pipeline/figure.h"
#include "pipeline/report_runs.h"
#include "pipeline/text.h"

typedef struct sg_page {
    sg_text html;
    const sg_report_data *data;
    sg_status status; /* of writing the PNG files */
} sg_page;

extern const char sg_report_style[]; /* report_style.c */
extern const char sg_report_script[];

/* Puts a figure on the page and its PNG into figures/<name>.png; `drawn` other than SG_OK: the reason instead. Frees
 * it. */
void sg_page_figure(sg_page *page, sg_status drawn, sg_figure *figure, const char *css, const char *name,
                    const char *caption);

/* report_setup.c */
void sg_page_header(sg_page *page);
void sg_page_setup(sg_page *page);
/* report_pictures.c */
void sg_page_chain(sg_page *page);
void sg_page_light(sg_page *page);
void sg_page_examples(sg_page *page);
/* report_charts.c */
void sg_page_arms(sg_page *page);
void sg_page_dose(sg_page *page);
void sg_page_curves(sg_page *page);
/* report_table.c */
void sg_page_findings(sg_page *page);
void sg_page_table(sg_page *page);
void sg_page_files(sg_page *page);

/* The fixed or learned arm that `arm` is compared with, see report_table.c. */
bool sg_report_learned(const sg_report_data *data, const char *arm);

#endif
