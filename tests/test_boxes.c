/* test_boxes.c - annotations of PASCAL VOC, hostile and damaged ones, and crops around the boxes of pictures. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/dataset.h"
#include "datasets/png.h"
#include "datasets/voc.h"
#include "place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void expect_ok(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

static void expect_text(const char *says)
{
    if (!strstr(sg_error_text(), says)) fail_msg("\"%s\" does not say \"%s\"", sg_error_text(), says);
}

/* ---- annotations ---- */

#define OBJECT(name, x0, y0, x1, y1)                                                                                   \
    "<object><name>" name "</name><pose>Unspecified</pose><bndbox><xmin>" #x0 "</xmin><ymin>" #y0 "</ymin><xmax>" #x1  \
    "</xmax><ymax>" #y1 "</ymax></bndbox></object>\n"

static void test_read(void **state)
{
    (void)state;
    sg_voc voc;
    place_put_text("a.xml",
                   "<?xml version=\"1.0\"?><!-- cells -->\n<annotation><folder>x</folder><size><width>64</width>"
                   "<height> 48 </height><depth>3</depth></size>\n" OBJECT(
                       "a &amp; b", 1, 2, 3.5,
                       40) "<object><bndbox><ymax>9</ymax><xmax>8</xmax><ymin>7</ymin><xmin>6</xmin></bndbox>"
                           "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part><name>\n RBC </name>"
                           "</object></annotation>\n");
    expect_ok(sg_voc_read(&voc, place_path("a.xml")));
    assert_true(voc.width == 64 && voc.height == 48 && voc.count == 2);
    assert_string_equal(voc.boxes[0].name, "a & b");
    assert_true(voc.boxes[0].x_min == 1 && voc.boxes[0].y_min == 2 && voc.boxes[0].x_max == 3.5 &&
                voc.boxes[0].y_max == 40 && voc.boxes[0].line == 3);
    assert_string_equal(voc.boxes[1].name, "RBC");
    assert_true(voc.boxes[1].x_min == 6 && voc.boxes[1].y_min == 7 && voc.boxes[1].x_max == 8 &&
                voc.boxes[1].y_max == 9);
    sg_voc_free(&voc);
    place_put_text("a.xml", "<annotation/>");
    expect_ok(sg_voc_read(&voc, place_path("a.xml")));
    assert_true(voc.count == 0 && voc.width == 0);
    sg_voc_free(&voc);
}

static void refuse_xml(const char *text, const char *says)
{
    sg_voc voc;
    place_put_text("bad.xml", text);
    if (sg_voc_read(&voc, place_path("bad.xml")) == SG_OK) fail_msg("expected '%s' for %s", says, text);
    expect_text(says);
    expect_text("bad.xml");
    assert_null(voc.boxes);
}

static void test_refused(void **state)
{
    (void)state;
    refuse_xml("", "bad.xml:1: no XML: no element found");
    refuse_xml("RBC,1,2,3,4\n", "bad.xml:1: no XML: syntax error");
    refuse_xml("<annotation><object></object></annotation>", "object lacks annotation/object/name");
    refuse_xml("<annotation>\n<size></annotation>", "bad.xml:2: no XML: mismatched tag");
    refuse_xml("<kml></kml>", "bad.xml:1: it begins with <kml>");
    refuse_xml("<annotation>\n\n<object><name>a</name></object></annotation>",
               "bad.xml:3: this object lacks annotation/object/bndbox/xmin");
    refuse_xml("<annotation>" OBJECT("", 1, 2, 3, 4) "</annotation>", "'' has 0 letters");
    refuse_xml("<annotation>" OBJECT("a", 1, two, 3, 4) "</annotation>", "bndbox/ymin: 'two' is not a number");
    refuse_xml("<annotation>" OBJECT("a", 1, nan, 3, 4) "</annotation>", "bndbox/ymin: 'nan' is not a number");
    refuse_xml("<annotation>" OBJECT("a", 1, 1e9, 3, 4) "</annotation>", "'1e9' is not a number in -1e+06..1e+06");
    refuse_xml("<annotation>" OBJECT("a", 5, 2, 3, 4) "</annotation>", "the box 5..3, 2..4 ends before it begins");
    refuse_xml("<annotation><size><width>-4</width></size></annotation>", "'-4' is not a number in 0..1e+06");
    refuse_xml("<annotation>&nbsp;</annotation>", "undefined entity");
    char deep[8192] = "<annotation>";
    for (int i = 0; i < 500; i++) strcat(deep, "<a>");
    refuse_xml(deep, "nested deeper than 16");
    char name[400] = "<annotation><object><name>";
    memset(name + strlen(name), 'x', 200);
    strcat(name, "</name></object></annotation>");
    refuse_xml(name, "200 letters, 1..63 are allowed");
}

/* A document that would grow to 3 GB, one that reads another file, one that asks for one by network. */
static void test_entities(void **state)
{
    (void)state;
    char bomb[2048] = "<?xml version=\"1.0\"?>\n<!DOCTYPE a [\n<!ENTITY l0 \"lol\">\n";
    for (int i = 1; i < 10; i++) {
        char line[160] = "";
        (void)snprintf(line, sizeof line, "<!ENTITY l%d \"", i);
        for (int k = 0; k < 10; k++) (void)snprintf(line + strlen(line), sizeof line - strlen(line), "&l%d;", i - 1);
        strcat(strcat(bomb, line), "\">\n");
    }
    strcat(bomb, "]>\n<annotation><object><name>&l9;</name></object></annotation>");
    refuse_xml(bomb, "bad.xml:2: a DOCTYPE, which could declare entities, is not allowed");
    refuse_xml("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<annotation><object><name>&x;</name></object>"
               "</annotation>",
               "bad.xml:1: a DOCTYPE");
    refuse_xml("<!DOCTYPE annotation SYSTEM \"http://localhost/a.dtd\">\n<annotation/>", "bad.xml:1: a DOCTYPE");
    char *large = calloc(1, (1 << 24) + 64);
    assert_non_null(large);
    strcpy(large, "<annotation>");
    memset(large + 12, ' ', 1 << 24);
    place_put("bad.xml", large, (1 << 24) + 12);
    sg_voc voc;
    assert_int_equal(sg_voc_read(&voc, place_path("bad.xml")), SG_E_IO);
    expect_text("bad.xml");
    free(large);
}

/* 150 damaged files: cut, overwritten, parts repeated or swapped. Each is read or named in one line. */
static void test_damaged_xml(void **state)
{
    (void)state;
    static const char good[] =
        "<?xml version=\"1.0\" "
        "encoding=\"UTF-8\"?>\n<annotation>\n<size><width>64</width><height>48</height></size>\n" OBJECT(
            "WBC", 10, 12, 30, 34) OBJECT("RBC", 1, 2, 3, 4) OBJECT("Platelets", 5, 6, 17, 18) "</annotation>\n";
    const size_t size = sizeof good - 1;
    unsigned random = 5;
    int refused = 0;
    for (int i = 0; i < 150; i++) {
        char bytes[2 * sizeof good];
        size_t len = size;
        unsigned word[4];
        for (int k = 0; k < 4; k++) word[k] = (random = random * 1664525u + 1013904223u) >> 8;
        memcpy(bytes, good, sizeof good);
        if (i % 3 == 0) len = word[0] % size;
        if (i % 3 == 1) bytes[word[0] % size] = (char)word[1], bytes[word[2] % size] = "<>&;\"'/!"[word[3] % 8];
        if (i % 3 == 2) {
            const size_t from = word[0] % size, part = word[1] % (size - from);
            memmove(bytes + from + part, bytes + from, size - from);
            len += part;
        }
        sg_voc voc;
        place_put("bad.xml", bytes, len);
        const sg_status status = sg_voc_read(&voc, place_path("bad.xml"));
        if (status != SG_OK && (strchr(sg_error_text(), '\n') || !strstr(sg_error_text(), "bad.xml")))
            fail_msg("%d: %s", i, sg_error_text());
        for (int k = 0; k < voc.count; k++)
            assert_true(voc.boxes[k].name[0] && voc.boxes[k].x_min <= voc.boxes[k].x_max);
        refused += status != SG_OK;
        sg_voc_free(&voc);
    }
    if (refused < 110) fail_msg("only %d of 150 were refused", refused);
}

/* ---- crops ---- */

enum { W = 60, H = 40, PX = 12 };

static uint8_t pixel(int i, int y, int x)
{
    return (uint8_t)((y * 6 + x * 3 + i * 17 + (x * y) % 5) % 250);
}

static int setup(void **state)
{
    return place_make(state) || sg_folder_make(place_path("d/images")) || sg_folder_make(place_path("d/annotations"));
}

static void put_picture(const char *name, int i, const char *objects)
{
    static uint8_t data[H * W];
    char path[64], xml[4096];
    for (int p = 0; p < H * W; p++) data[p] = pixel(i, p / W, p % W);
    (void)snprintf(path, sizeof path, "d/images/%s.png", name);
    expect_ok(sg_png_write_gray8(place_path(path), data, H, W));
    if (!objects) return;
    (void)snprintf(path, sizeof path, "d/annotations/%s.xml", name);
    (void)snprintf(xml, sizeof xml, "<annotation><size><width>%d</width><height>%d</height></size>%s</annotation>", W,
                   H, objects);
    place_put_text(path, xml);
}

/* a: train, c: validation, d: test; e has no boxes at all. */
static void put_all(void)
{
    expect_ok(place_shell("rm -f d/images/* d/annotations/*") ? SG_E_IO : SG_OK);
    put_picture("a", 0, OBJECT("RBC", 20, 10, 30, 20) OBJECT("WBC", 40, 20, 50, 30) OBJECT("RBC", 0, 0, 4, 4));
    put_picture("b", 1, OBJECT("WBC", 21, 12, 30, 20) OBJECT("RBC", 30, 30, 30, 30));
    put_picture("c", 2, OBJECT("RBC", 20, 10, 30, 20) OBJECT("Platelets", 1, 1, 5, 5));
    put_picture("d", 3, OBJECT("WBC", 20, 10, 30, 20) OBJECT("RBC", 50, 30, 60, 40));
    put_picture("e", 4, NULL);
    place_put_text("s.csv", "name,split\na,train\nb,train\nc,validation\nd,test\ne,test\n");
}

static sg_dataset_config boxes(void)
{
    sg_dataset_config config = {.kind = SG_DATASET_BOXES, .augment = true};
    (void)snprintf(config.path, sizeof config.path, "%s/d", place);
    (void)snprintf(config.splits, sizeof config.splits, "%s/s.csv", place);
    return config;
}

static const sg_dataset_grid grid = {.sample_px = PX, .margin_px = 2, .label_px = 4, .pixel_um = .5};

static sg_dataset *open_data(const sg_dataset_config *config)
{
    sg_dataset *dataset;
    expect_ok(sg_dataset_open(&dataset, config, &grid));
    return dataset;
}

static void refuse(const sg_dataset_config *config, const char *says)
{
    sg_dataset *dataset;
    if (sg_dataset_open(&dataset, config, &grid) == SG_OK) fail_msg("expected an error with '%s'", says);
    expect_text(says);
    assert_null(dataset);
}

static void expect_notice(const sg_dataset *dataset, const char *says)
{
    if (!strstr(sg_dataset_notice(dataset), says))
        fail_msg("\"%s\" does not say \"%s\"", sg_dataset_notice(dataset), says);
}

static int mirror(int i, int n)
{
    return i < 0 ? -1 - i : i >= n ? 2 * n - 1 - i : i;
}

/* sample = the window around (cy, cx) of picture i up to one factor and offset: the scale of the whole picture. */
static bool is_window(const float *sample, int i, int cy, int cx)
{
    double lo = NAN, range = NAN;
    for (int p = 0; p < PX * PX; p++) { /* two pixels that are not clamped give the scale */
        const double v = pixel(i, mirror(cy - PX / 2 + p / PX, H), mirror(cx - PX / 2 + p % PX, W));
        for (int q = 0; isnan(range) && q < p; q++) {
            const double u = pixel(i, mirror(cy - PX / 2 + q / PX, H), mirror(cx - PX / 2 + q % PX, W));
            const double s = (double)sample[p], t = (double)sample[q];
            if (s <= 0 || s >= 1 || t <= 0 || t >= 1 || fabs(v - u) < 20) continue;
            range = (v - u) / (s - t);
            lo = v - s * range;
        }
    }
    for (int p = 0; p < PX * PX; p++) {
        const double v = pixel(i, mirror(cy - PX / 2 + p / PX, H), mirror(cx - PX / 2 + p % PX, W));
        const double want = (v - lo) / range, clamped = want < 0 ? 0 : want > 1 ? 1 : want;
        if (!(fabs((double)sample[p] - clamped) <= 2e-5)) return false;
    }
    return true;
}

static void test_crops(void **state)
{
    (void)state;
    float sample[PX * PX], label;
    put_all();
    sg_dataset_config config = boxes();
    sg_dataset *dataset = open_data(&config);
    assert_int_equal(sg_dataset_classes(dataset), 3);
    assert_string_equal(sg_dataset_class_name(dataset, 0), "Platelets");
    assert_string_equal(sg_dataset_class_name(dataset, 2), "WBC");
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 4);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_VALIDATION), 2);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TEST), 2);
    assert_int_equal(sg_dataset_class_count(dataset, SG_SPLIT_TRAIN, 1), 2);
    expect_notice(dataset, "left out: 1 item without an area (the first: b_002)");
    expect_notice(dataset, "left out: 1 picture without an annotation (the first: e)");
    static const struct {
        const char *name;
        sg_split split;
        int index, picture, y, x, label;
    } items[] = {{"a_001", SG_SPLIT_TRAIN, 0, 0, 15, 25, 1},
                 {"a_002", SG_SPLIT_TRAIN, 1, 0, 25, 45, 2},
                 {"a_003", SG_SPLIT_TRAIN, 2, 0, 2, 2, 1},
                 {"b_001", SG_SPLIT_TRAIN, 3, 1, 16, 25, 2},
                 {"d_002", SG_SPLIT_TEST, 1, 3, 35, 55, 1}};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        assert_string_equal(sg_dataset_name(dataset, items[i].split, items[i].index), items[i].name);
        expect_ok(sg_dataset_item(dataset, items[i].split, items[i].index, 1, -1, sample, &label, NULL));
        if (!is_window(sample, items[i].picture, items[i].y, items[i].x)) fail_msg("%s: another window", items[i].name);
        assert_true(!is_window(sample, items[i].picture, items[i].y + 1, items[i].x));
        assert_true(label == (float)items[i].label);
    }
    assert_true(sg_dataset_group(dataset, SG_SPLIT_TRAIN, 0) == sg_dataset_group(dataset, SG_SPLIT_TRAIN, 2));
    assert_true(sg_dataset_group(dataset, SG_SPLIT_TRAIN, 0) != sg_dataset_group(dataset, SG_SPLIT_TRAIN, 3));
    sg_dataset_free(dataset);
}

/* Shifts reach +-shift_px and no further; without shift_px the crop stays on the box; beyond the edge zeros if asked. */
static void test_augmentation(void **state)
{
    (void)state;
    float sample[PX * PX], label;
    put_all();
    sg_dataset_config config = boxes();
    sg_dataset *dataset = open_data(&config);
    for (int draw = 0; draw < 20; draw++) {
        expect_ok(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 1, 1, draw, sample, &label, NULL));
        assert_true(is_window(sample, 0, 25, 45));
    }
    sg_dataset_free(dataset);
    config.shift_px = 1;
    dataset = open_data(&config);
    int seen[9] = {0};
    for (int draw = 0; draw < 200; draw++) {
        int found = 0;
        expect_ok(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 1, 1, draw, sample, &label, NULL));
        for (int k = 0; k < 9; k++)
            if (is_window(sample, 0, 24 + k / 3, 44 + k % 3)) seen[k]++, found++;
        assert_int_equal(found, 1);
    }
    for (int k = 0; k < 9; k++) assert_true(seen[k] > 0);
    sg_dataset_free(dataset);
    config.edge = SG_BEYOND_ZERO;
    dataset = open_data(&config);
    expect_ok(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 2, 1, -1, sample, &label, NULL)); /* around (2, 2) */
    for (int p = 0; p < PX * PX; p++)
        if (p / PX < 4 || p % PX < 4) assert_true(sample[p] == 0);
    assert_true(sample[PX * PX - 1] > 0);
    sg_dataset_free(dataset);
    config = boxes();
    config.bin = 2;
    dataset = open_data(&config);
    expect_ok(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 0, 1, -1, sample, &label, NULL)); /* (15, 25) -> (7, 12) */
    double mean[2], value[2];
    for (int k = 0; k < 2; k++) {
        const int p = k * 40 + 20, y = 2 * (7 - PX / 2 + p / PX), x = 2 * (12 - PX / 2 + p % PX);
        mean[k] = (pixel(0, y, x) + pixel(0, y, x + 1) + pixel(0, y + 1, x) + pixel(0, y + 1, x + 1)) / 4.;
        value[k] = (double)sample[p];
    }
    /* the scale: 1st and 99.8th percentile of the picture, 4 and 249 here within a level or two */
    assert_true(fabs((mean[0] - mean[1]) / (value[0] - value[1]) - 245) < 6);
    sg_dataset_free(dataset);
}

static void test_choice(void **state)
{
    (void)state;
    put_all();
    sg_dataset_config config = boxes();
    (void)snprintf(config.box_class, sizeof config.box_class, "WBC");
    refuse(&config, "training pictures are 'WBC': a classifier needs at least two classes");
    (void)snprintf(config.box_class, sizeof config.box_class, "WBC RBC");
    sg_dataset *dataset = open_data(&config);
    assert_int_equal(sg_dataset_classes(dataset), 2);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_VALIDATION), 1);
    sg_dataset_free(dataset);
    /* the class of a picture's box from a table, its usable rows only */
    place_put_text("l.csv", "name,kind,single\na,NEUTROPHIL,1\nb,LYMPHOCYTE,1\nc,,1\nd,\"NEUTROPHIL, LYMPHOCYTE\",0\n");
    (void)snprintf(config.labels, sizeof config.labels, "%s/l.csv", place);
    (void)snprintf(config.box_class, sizeof config.box_class, "WBC");
    refuse(&config, "l.csv: no column 'label' (dataset.label_column); there are: name, kind, single");
    (void)snprintf(config.label_column, sizeof config.label_column, "kind");
    (void)snprintf(config.where, sizeof config.where, "single=1");
    dataset = open_data(&config);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 2);
    assert_string_equal(sg_dataset_class_name(dataset, 0), "LYMPHOCYTE");
    assert_int_equal(sg_dataset_class(dataset, SG_SPLIT_TRAIN, 0), 1);
    expect_notice(dataset, "left out: 1 picture not as dataset.where asks (the first: d)");
    expect_notice(dataset, "left out: 1 picture without a label in dataset.labels (the first: c)");
    sg_dataset_free(dataset);
    (void)snprintf(config.where, sizeof config.where, "double=1");
    refuse(&config, "l.csv: no column 'double' (dataset.where)");
    (void)snprintf(config.where, sizeof config.where, "single");
    refuse(&config, "dataset.where: 'single' is not column=value");
    config.labels[0] = 0;
    refuse(&config, "asks a table, dataset.labels names none");
}

/* All boxes of a picture are in the same split, whatever their number. */
static void test_folds_by_picture(void **state)
{
    (void)state;
    expect_ok(place_shell("rm -f d/images/* d/annotations/*") ? SG_E_IO : SG_OK);
    for (int i = 0; i < 40; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "p%02d", i);
        put_picture(name, i, OBJECT("RBC", 20, 10, 30, 20) OBJECT("WBC", 40, 20, 50, 30) OBJECT("RBC", 5, 5, 9, 9));
    }
    sg_dataset_config config = boxes();
    config.splits[0] = 0;
    config.folds = 5;
    int tested[40] = {0};
    for (config.fold = 1; config.fold <= 5; config.fold++) {
        sg_dataset *dataset = open_data(&config);
        int split_of[40];
        memset(split_of, -1, sizeof split_of);
        for (sg_split split = SG_SPLIT_TRAIN; split <= SG_SPLIT_TEST; split++)
            for (int i = 0; i < sg_dataset_count(dataset, split); i++) {
                const int picture = atoi(sg_dataset_name(dataset, split, i) + 1);
                assert_true(split_of[picture] < 0 || split_of[picture] == (int)split);
                split_of[picture] = (int)split;
                tested[picture] += split == SG_SPLIT_TEST;
            }
        sg_dataset_free(dataset);
    }
    for (int i = 0; i < 40; i++) assert_int_equal(tested[i], 3);
}

static void test_bad_folders(void **state)
{
    (void)state;
    put_all();
    sg_dataset_config config = boxes();
    put_picture("c", 2, OBJECT("RBC", 20, 10, 30, 20) OBJECT("WBC", 70, 10, 80, 20));
    refuse(&config, "c.xml: the centre (75, 15) of a box is outside the picture of 60 x 40");
    place_put_text("d/annotations/c.xml", "<annotation><size><width>640</width><height>480</height></size>" OBJECT(
                                              "RBC", 20, 10, 30, 20) "</annotation>");
    refuse(&config, "c.png: 60 x 40 pixels (after dataset.bin 1), but its annotation ");
    place_put_text("d/annotations/c.xml", "<annotation>");
    refuse(&config, "c.xml:1: no XML");
    config.unreadable = SG_UNREADABLE_SKIP;
    sg_dataset *dataset = open_data(&config);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_VALIDATION), 0);
    expect_notice(dataset, "c.xml:1: no XML");
    sg_dataset_free(dataset);
    put_all();
    put_picture("b", 1, OBJECT("RBC", 20, 10, 30, 20) OBJECT("WBC", 40, 20, 50, 30) OBJECT("RBC", 5, 5, 9, 9));
    place_put_text("d/images/b.png", "no picture"); /* three boxes, said once */
    dataset = open_data(&config);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 3);
    expect_notice(dataset, "left out: 3 items skipped");
    const char *first = strstr(sg_dataset_notice(dataset), "skipped: ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "skipped: "));
    sg_dataset_free(dataset);
    config.unreadable = SG_UNREADABLE_STOP;
    refuse(&config, "b.png");
    (void)remove(place_path("d/images/b.png"));
    refuse(&config, "b.xml: no picture 'b' in ");
    (void)snprintf(config.annotations, sizeof config.annotations, "%s/nowhere", place);
    refuse(&config, "nowhere: cannot read the folder");
    config = boxes();
    (void)snprintf(config.box_class, sizeof config.box_class, "nothing");
    put_all();
    refuse(&config, "no box that dataset.box_class");
}

/* ---- the command ---- */

/* A run's other data have their tables and annotations where the run's own had them. */
static void test_other_data(void **state)
{
    (void)state;
    put_all();
    put_picture("f", 5, OBJECT("RBC", 20, 10, 30, 20) OBJECT("WBC", 40, 20, 50, 30));
    put_picture("g", 6, OBJECT("WBC", 20, 10, 30, 20));
    place_put_text("d/l.csv", "name,kind\na,x\nb,y\nc,y\nd,x\nf,y\ng,x\n");
    place_put_text("s.csv", "name,split\na,train\nb,train\nc,validation\nf,validation\nd,test\ng,test\n");
    place_put_text("c.yaml", "sample: {kind: incoherent, size_px: 16, pixel_um: 1}\n"
                             "camera: {pixel_um: 1}\nnetwork: {kind: lenet5}\nloss: {kind: cross_entropy}\n"
                             "train: {steps: 1, batch_size: 2, seed: 3}\n"
                             "dataset: {kind: boxes, path: d, labels: d/l.csv, label_column: kind, splits: s.csv,\n"
                             "          box_class: WBC RBC, unreadable: skip}\n");
    place_put_text("d/annotations/h.xml", "<annotation>");
    put_picture("h", 7, NULL);
    if (place_run("train c.yaml -o run") != 0) fail_msg("%s", place_get("err"));
    char *said = place_get("err");
    assert_non_null(strstr(said, "left out: 1 picture without an annotation (the first: e)"));
    assert_non_null(strstr(said, "left out: 1 item without an area (the first: b_002)"));
    sg_free(said);
    said = place_get("run/config.yaml");
    assert_non_null(strstr(said, "classes: \"x y\""));
    sg_free(said);
    assert_int_equal(place_shell("cp -r d other; rm other/annotations/[ac]*; rm other/l.csv;"
                                 "printf 'name,kind\\nb,x\\nd,y\\nf,y\\n' > other/l.csv"),
                     0);
    if (place_run("evaluate run --data other") != 0) fail_msg("%s", place_get("err"));
    said = place_get("out");
    if (strncmp(said, "test: 5 ", 8) != 0) fail_msg("%s", said); /* one of b, two of d, two of f */
    sg_free(said);
    assert_int_equal(place_run("evaluate run --data nowhere"), 1);
    said = place_get("err");
    assert_non_null(strstr(said, "nowhere/l.csv: cannot read"));
    sg_free(said);
}

/* ---- the blood smears ---- */

static void test_bccd(void **state)
{
    (void)state;
    const char *root = getenv("SG_TEST_SOURCE");
    sg_dataset_config config = {.kind = SG_DATASET_BOXES, .augment = true, .flips = true, .shift_px = 4, .bin = 3};
    (void)snprintf(config.path, sizeof config.path, "%s/../shared/data/bccd_blood/dev", root);
    (void)snprintf(config.annotations, sizeof config.annotations, "%.999s/annotations_bccd", config.path);
    (void)snprintf(config.labels, sizeof config.labels, "%.999s/images.csv", config.path);
    if (!root || !sg_file_exists(config.labels)) {
        print_message("# %s is not here\n", config.labels);
        skip();
    }
    (void)snprintf(config.name_column, sizeof config.name_column, "image");
    (void)snprintf(config.label_column, sizeof config.label_column, "wbc_subtype");
    (void)snprintf(config.where, sizeof config.where, "single_wbc_single_subtype=1");
    (void)snprintf(config.box_class, sizeof config.box_class, "WBC");
    (void)snprintf(config.classes, sizeof config.classes, "NEUTROPHIL EOSINOPHIL LYMPHOCYTE MONOCYTE");
    config.folds = 5;
    config.fold = 1;
    const sg_dataset_grid colour = {
        .sample_px = 80, .label_px = 40, .pixel_um = .5, .kind = SG_SAMPLE_COLOUR, .channels = 3};
    const clock_t begin = clock();
    sg_dataset *dataset;
    expect_ok(sg_dataset_open(&dataset, &config, &colour));
    print_message("# %.2f s of processor; %s", (double)(clock() - begin) / CLOCKS_PER_SEC, sg_dataset_notice(dataset));
    static const int published[] = {166, 64, 29, 17};
    for (int c = 0; c < 4; c++) {
        int count = 0;
        for (sg_split split = SG_SPLIT_TRAIN; split <= SG_SPLIT_TEST; split++)
            count += sg_dataset_class_count(dataset, split, c);
        assert_int_equal(count, published[c]);
    }
    expect_notice(dataset, "left out: 1 item of no class in dataset.classes");
    sg_dataset_free(dataset);
    /* three kinds of cells, with the known defects */
    config.labels[0] = config.where[0] = config.box_class[0] = config.classes[0] = 0;
    expect_ok(sg_dataset_open(&dataset, &config, &colour));
    assert_int_equal(sg_dataset_classes(dataset), 3);
    expect_notice(dataset, "left out: 2 items without an area (the first: BloodImage_00338_");
    sg_dataset_free(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_entities),    cmocka_unit_test(test_damaged_xml),
        cmocka_unit_test(test_crops),       cmocka_unit_test(test_augmentation),
        cmocka_unit_test(test_choice),      cmocka_unit_test(test_folds_by_picture),
        cmocka_unit_test(test_bad_folders), cmocka_unit_test(test_other_data),
        cmocka_unit_test(test_bccd),
    };
    return cmocka_run_group_tests_name("boxes", tests, setup, place_remove);
}
