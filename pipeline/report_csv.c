/* report_csv.c - summary.csv: one row a run of the index, every scalar of its results. */
#include "pipeline/report_data.h"

#include <math.h>
#include <string.h>

/* RFC 4180: in quotes where it holds a comma, a quote or a line break. */
static void field(sg_text *out, const char *text)
{
    const bool quotes = text[strcspn(text, ",\"\r\n")] != '\0';
    if (quotes) sg_text_bytes(out, "\"", 1);
    for (; *text; text++) {
        if (*text == '"') sg_text_bytes(out, "\"", 1);
        sg_text_bytes(out, text, 1);
    }
    if (quotes) sg_text_bytes(out, "\"", 1);
}

void sg_report_csv(const sg_report_data *data, sg_text *out)
{
    sg_text_add(out, "id,arm");
    for (int k = 0; k < data->key_count; k++) {
        sg_text_bytes(out, ",", 1);
        field(out, data->keys[k].path);
    }
    sg_text_add(out, ",seed");
    for (int m = 0; m < data->metric_count; m++)
        if (data->metrics[m].used) sg_text_add(out, ",%s", data->metrics[m].key);
    sg_text_bytes(out, "\n", 1);
    for (int i = 0; i < data->run_count; i++) {
        const sg_report_run *run = &data->runs[i];
        sg_text_add(out, "%s,%s", strrchr(run->folder, '/') ? strrchr(run->folder, '/') + 1 : run->folder,
                    data->arms[run->arm]);
        for (int k = 0; k < data->key_count; k++) {
            sg_text_bytes(out, ",", 1);
            field(out, data->keys[k].text[run->value[k]]);
        }
        sg_text_add(out, ",%llu", (unsigned long long)run->seed);
        for (int m = 0; m < data->metric_count; m++) {
            if (data->metrics[m].used) sg_text_bytes(out, ",", 1);
            if (data->metrics[m].used && !isnan(run->metric[m])) sg_text_add(out, "%.9g", run->metric[m]);
        }
        sg_text_bytes(out, "\n", 1);
    }
}
