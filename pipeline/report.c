/* report.c - puts the page together. See report.h. */
#include "pipeline/report.h"

#include "core/file.h"
#include "pipeline/report_page.h"

#include <stdio.h>

static void page_write(sg_page *page)
{
    sg_text *h = &page->html;
    sg_text_add(h, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    sg_text_html(h, page->data->title);
    sg_text_add(h, " · Scopegrad</title>\n<style>\n%s</style></head>\n<body><main>\n", sg_report_style);
    sg_page_header(page);
    sg_page_findings(page);
    sg_page_chain(page);
    sg_page_arms(page);
    sg_page_keys(page);
    sg_page_maps(page);
    sg_page_classes(page);
    sg_page_light(page);
    sg_page_hardware(page);
    sg_page_examples(page);
    sg_page_strip(page);
    sg_page_curves(page);
    sg_page_table(page);
    sg_page_setup(page);
    sg_page_files(page);
    sg_text_add(h,
                "<footer>Made by Scopegrad %s from results.h5 "
                "alone.</footer>\n</main>\n<script>\n%s</script>\n</body></html>\n",
                page->data->version, sg_report_script);
}

static sg_status csv_write(const sg_report_data *data)
{
    char path[SG_REPORT_PATH + 16];
    sg_text csv = {0};
    (void)snprintf(path, sizeof path, "%s/summary.csv", data->dir);
    sg_status status = sg_report_csv(data, &csv);
    if (status == SG_OK) status = sg_file_write(path, csv.data, csv.len);
    sg_text_free(&csv);
    return status;
}

sg_status sg_report_make(const char *dir, const char *out_html)
{
    sg_report_data data;
    char path[SG_REPORT_PATH + 16];
    sg_page page = {.data = &data};
    sg_status status = SG_OK;
    SG_TRY_DONE(sg_report_load(&data, dir));
    (void)snprintf(path, sizeof path, "%s/figures", data.dir);
    SG_TRY_DONE(sg_folder_make(path));
    page_write(&page);
    SG_TRY_DONE(page.status);
    SG_TRY_DONE(page.html.status);
    if (data.sweep) SG_TRY_DONE(csv_write(&data));
    (void)snprintf(path, sizeof path, "%s/report.html", data.dir);
    status = sg_file_write(out_html ? out_html : path, page.html.data, page.html.len);
done:
    sg_text_free(&page.html);
    sg_report_data_free(&data);
    return status;
}
