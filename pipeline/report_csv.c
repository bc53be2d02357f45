/* report_csv.c - summary.csv. See report_data.h. */
#include "pipeline/report_data.h"

#include "core/memory.h"

sg_status sg_report_csv(const sg_report_data *data, sg_text *out)
{
    const int count = data->index.row_count;
    sg_table_row *rows;
    SG_TRY(SG_ALLOC(&rows, (size_t)count, "rows of summary.csv"));
    for (int i = 0; i < data->run_count; i++) {
        const sg_report_run *run = &data->runs[i];
        rows[run->row] = (sg_table_row){&data->index, &data->index.rows[run->row], run->there ? i : -1};
    }
    const sg_status status = sg_table_csv(out, rows, count, &data->scalars);
    sg_free(rows);
    return status;
}
