/* schema_print.c - docs/results.md, printed from the table of schema.h. */
#include "pipeline/schema.h"

#include <string.h>

static const char page_head[] =
    "# The HDF5 files: results.h5, all.h5\n"
    "\n"
    "Made by `scopegrad info --schema > docs/results.md`; a test compares, and another one refuses files with anything "
    "that is not listed\nhere. Schema version 2.\n"
    "\n"
    "A file is written whole or not at all, without times or machine names: the same run gives the same bytes. Any "
    "HDF5\n"
    "reader opens it (h5py, MATLAB, napari, HDFView). 16 bytes behind the HDF5 part, `sgres-1\\n` and an FNV-1a 64 "
    "hash, "
    "tell\n`scopegrad` that the file is whole; other readers do not see them. A file that is damaged, changed by "
    "another "
    "program, or of\na newer schema is refused with one line that says so.\n"
    "\n"
    "Every dataset has the attributes `long_name`, for numbers `units` (`1` where there is none), for arrays `axes`, "
    "one "
    "letter a\ndimension; pictures also `pixel_um`, the pixel in the sample plane. Coordinates are HDF5 dimension "
    "scales "
    "(`f[path].dims[0][0]` in\nh5py); the column *scales* names them, in the order of the axes. Arrays above 4 KiB are "
    "chunked, shuffled and deflated.\n"
    "\n"
    "| axis | a dimension along |\n"
    "| --- | --- |\n"
    "| `N` | pictures |\n"
    "| `C` | channels, colours, detectors, or frames |\n"
    "| `Y`, `X` | rows, columns of pixels |\n"
    "| `E`, `K` | exposures (of every colour, one colour after the other), LEDs |\n"
    "| `D` | coordinates x, y |\n"
    "| `J` | Zernike terms in Noll's order |\n"
    "| `V` | cameras |\n"
    "| `G`, `H` | rows of an ADC's table, its thresholds or levels |\n"
    "| `S` | entries of a learning curve |\n"
    "| `L`, `T`, `P` | classes, true classes, predicted classes |\n"
    "| `U` | IoU thresholds |\n"
    "| `R` | points of an ROC or PR curve |\n"
    "| `B` | lower and upper bound |\n"
    "| `F` | parts of the data: train, validation, test |\n"
    "| `M` | runs |\n";

static const char page_tail[] =
    "\n"
    "## What the metrics are\n"
    "\n"
    "* **Dice** 2 |P and T| / (|P| + |T|), prediction at probability > .5; 1 if both are empty. `dice` is the mean "
    "over "
    "the\n  pictures, `dice_pooled` adds the pixels of all pictures first.\n"
    "* **Jaccard** |P and T| / |P or T|; 1 if both are empty.\n"
    "* **AP at an IoU threshold** hits / (hits + extra + missed). Objects are the 8-connected components of the "
    "prediction and the\n"
    "  instances of the label; a pair with intersection / union above the threshold is a hit. `ap50` is that at .5, "
    "`ap` "
    "the mean over\n  .5, .55 .. .95; both are means over the pictures.\n"
    "* **SSIM** as Wang et al. (2004): Gaussian window of 1.5 px cut at 11 x 11, K1 = .01, K2 = .03, inside the "
    "picture; for the range\n  in `data_range`, as PSNR. `mse` is the mean over the pictures, `psnr_db` that of it.\n"
    "* **Classes**: `accuracy` is the share of pictures whose most probable class is right, `balanced_accuracy` the "
    "mean sensitivity\n  of the classes that occur. `sensitivity` TP / (TP + FN), `specificity` TN / (TN + FP), `ppv` "
    "TP / (TP + FP), `npv` TN / (TN + FN),\n  `f1` 2 TP / (2 TP + FP + FN), one class against the rest; 0 / 0 is NaN. "
    "`auc` is the area under the ROC curve by trapezoids, `average_precision`\n  the sum of (R_n - R_(n-1)) P_n over "
    "all thresholds; of `/metrics` the means over the classes where they are defined. Points of a\n  curve on a "
    "straight "
    "line between others are left out. scikit-learn gives the same numbers (`tests/independent`).\n"
    "* **Intervals**: percentiles 2.5 and 97.5 of 2000 draws of the evaluated pictures with replacement (Efron & "
    "Tibshirani 1993); crops of\n  one picture are drawn together. They say what other pictures would do, not what "
    "another seed of the training would.\n"
    "\n"
    "## Reading\n"
    "\n"
    "```python\n"
    "import h5py, pandas\n"
    "with h5py.File(\"run/results.h5\") as f:                     # one run\n"
    "    weight = f[\"learned/led_weight\"]                       # (exposure, LED)\n"
    "    print(weight.attrs[\"axes\"], weight.dims[1][0][()], f[\"metrics/loss\"][()], f[\"config\"].asstr()[()])\n"
    "table = pandas.DataFrame(h5py.File(\"all.h5\")[\"table\"][()])  # a sweep; words are bytes: "
    "table[\"arm\"].str.decode(\"utf8\")\n"
    "```\n"
    "\n"
    "[examples/read_results.py](../examples/read_results.py) does the same in twenty lines that run in the tests. In "
    "MATLAB:\n`h5read('run/results.h5', '/learned/led_weight')`, `struct2table(h5read('all.h5', '/table'))` "
    "(dimensions "
    "come in reverse order). In napari,\nthe plugin *napari-h5*, or "
    "`viewer.add_image(h5py.File(\"run/results.h5\")[\"examples/measurement\"][()])`.\n";

static const struct {
    sg_schema_kind kind;
    const char *head;
} parts[] = {
    {SG_SCHEMA_RUN, "results.h5 of a run (`train`, `evaluate -o`)"},
    {SG_SCHEMA_SWEEP, "all.h5 of a sweep (`collect`)"},
    {SG_SCHEMA_STAGES, "the stages of `simulate -o`"},
    {SG_SCHEMA_RECONSTRUCTION, "results.h5 of `reconstruct`"},
};

static const char *type_name(const sg_schema_row *row)
{
    static const char *const names[] = {"f32", "f64", "i32", "u8", "u16", "u64", "text"};
    return names[row->type];
}

/* "N C Y X"; NULL: the writer's */
static void print_axes(FILE *out, const char *axes)
{
    if (axes == NULL) return;
    if (axes[0] == '\0') fputs("one", out);
    for (; *axes; axes++) fprintf(out, axes[1] ? "%c " : "%c", *axes);
}

static void print_row(FILE *out, const sg_schema_row *row)
{
    fprintf(out, "| `%s`%s | %s, ", row->path, row->initial ? " (`_initial`)" : "", type_name(row));
    print_axes(out, row->axes);
    fprintf(out, " | %s | %s | %s | %s |\n", row->unit ? row->unit : "", row->long_name, row->when ? row->when : "",
            row->scales ? row->scales : "");
}

void sg_schema_print(FILE *out)
{
    fputs(page_head, out);
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        fprintf(out, "\n## %s\n\n| path | type, axes | units | what | where | scales |\n", parts[p].head);
        fputs("| --- | --- | --- | --- | --- | --- |\n", out);
        for (int i = 0; i < sg_schema_count; i++)
            if (sg_schema[i].kinds & (int)parts[p].kind) print_row(out, &sg_schema[i]);
        if (parts[p].kind == SG_SCHEMA_SWEEP)
            fputs(
                "\n`/runs/<id>` holds everything of the run's results.h5; its root attributes stand on the group, with "
                "`results_hash`, which\ncloses that file. The columns of `/table` are `id`, `arm`, each swept key "
                "(`illumination.dose_ph`), `seed`, `best_step`, and every\none-number dataset of the runs: "
                "`/metrics/dice` is `dice`, `/light/dose_ph` is `light_dose_ph`, `/metrics/interval/dice` is\n"
                "`dice_low` and `dice_high`. Runs are those that are finished, in the order of runs.csv.\n",
                out);
        if (parts[p].kind == SG_SCHEMA_RUN)
            fputs("\n`@` marks attributes of the root. What can learn is also there as it was before training, if it "
                  "learns: `_initial`.\n`where` says which runs have it; empty: all.\n",
                  out);
    }
    fputs(page_tail, out);
}
