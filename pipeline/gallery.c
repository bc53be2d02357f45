/* gallery.c - see gallery.h. */
#include "pipeline/gallery.h"

#include "core/data_path.h"
#include "core/file.h"
#include "core/memory.h"
#include "datasets/image.h"
#include "pipeline/args.h"
#include "pipeline/report_page.h"
#include "pipeline/simulation.h"

#include <string.h>

/* Built-in pictures of 256 x 256; a sample of several channels takes one each. */
static const char *const picture[] = {"58cc121d37fb", "c7d546766518", "98c5ead89cd0", "2f929b067a59"};

/* The middle of a picture, scaled to [0,1]. */
static sg_status read_channel(float *out, int side, int channel)
{
    char name[80], path[SG_PATH_MAX];
    sg_image image;
    (void)snprintf(name, sizeof name, "datasets/nuclei/images/%s.png", picture[channel % SG_COUNT(picture)]);
    SG_TRY(sg_data_find(path, sizeof path, name));
    SG_TRY(sg_image_read(&image, path));
    sg_status status = sg_image_scale(image.data, (size_t)image.height * (size_t)image.width, path);
    if (status == SG_OK && (side > image.height || side > image.width))
        status = sg_error_set(SG_E_SHAPE, "gallery: a sample of %d px is larger than %s", side, path);
    const int top = (image.height - side) / 2, left = (image.width - side) / 2;
    for (int y = 0; status == SG_OK && y < side; y++)
        memcpy(out + (size_t)y * (size_t)side, image.data + (size_t)(top + y) * (size_t)image.width + left,
               (size_t)side * sizeof *out);
    sg_image_free(&image);
    return status;
}

static sg_status set_keys(sg_config *config, const sg_gallery_entry *entry)
{
    char all[512];
    (void)snprintf(all, sizeof all, "%s", entry->sets);
    for (char *rest = all, *one = strtok_r(all, ";", &rest); one != NULL; one = strtok_r(NULL, ";", &rest))
        SG_TRY(sg_config_set(config, one + strspn(one, " "), entry->title));
    return SG_OK;
}

/* *out = PNG of the entry's stages. */
static sg_status draw(void **out, size_t *size, const sg_gallery_entry *entry)
{
    sg_config config;
    sg_simulation s = {0};
    float *in = NULL;
    sg_status status;
    const sg_simulation_part whole = {.from = SG_ENTRY_SAMPLE};
    sg_config_defaults(&config);
    SG_TRY(set_keys(&config, entry));
    SG_TRY_DONE(sg_simulation_open(&s, &config));
    const sg_shape shape = sg_simulation_shape(&s, SG_ENTRY_SAMPLE);
    const size_t plane = (size_t)shape.h * (size_t)shape.w;
    SG_TRY_DONE(SG_ALLOC(&in, sg_shape_len(shape), "gallery"));
    for (int c = 0; c < shape.c; c++) SG_TRY_DONE(read_channel(in + (size_t)c * plane, shape.h, c));
    SG_TRY_DONE(sg_simulation_run(&s, in, whole, 0));
    SG_TRY_DONE(sg_strip_draw(out, size, &s, entry->show));
done:
    sg_free(in);
    sg_simulation_free(&s);
    return status;
}

/* Width in pixels: the first number of the IHDR chunk (PNG specification, 11.2.2). */
static int png_width(const unsigned char *png)
{
    return png[16] << 24 | png[17] << 16 | png[18] << 8 | png[19];
}

static sg_status entry_put(sg_text *h, const sg_gallery_entry *entry)
{
    void *png = NULL;
    size_t size = 0;
    const sg_status status = draw(&png, &size, entry);
    if (status != SG_OK) return sg_error_set(status, "gallery, \"%s\": %s", entry->title, sg_error_text());
    sg_text_add(h, "<figure class=\"card strip\"><h3>");
    sg_text_html(h, entry->title);
    sg_text_add(h, "</h3><p>");
    sg_text_html(h, entry->text);
    sg_text_add(h, "</p><img alt=\"");
    sg_text_html(h, entry->show);
    sg_text_add(h, "\" style=\"width:%dpx\" src=\"", png_width(png) * 2 / 5);
    sg_text_data_uri(h, "image/png", png, size);
    sg_text_add(h, "\"><figcaption><code>");
    sg_text_html(h, *entry->sets ? entry->sets : "(defaults)");
    sg_text_add(h, "</code></figcaption></figure>\n");
    sg_free(png);
    return SG_OK;
}

static void head_put(sg_text *h)
{
    sg_text_add(
        h,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>The physical layer · Scopegrad</title>\n<style>\n%s"
        ".strip{margin:1rem 0}.strip h3{margin:0}.strip p{margin:.2rem 0 .7rem;color:var(--soft)}"
        ".strip "
        "img{aspect-ratio:auto;background:#fff;image-rendering:auto;max-width:100%%}\n</style></head>\n<body><main>\n",
        sg_report_style);
    sg_text_add(
        h,
        "<header><p class=\"kicker\">Scopegrad %s</p><h1>The physical layer, stage by stage</h1>"
        "<p class=\"lead\">Every picture is a simulation with the keys below it; everything else has its default. "
        "<code>scopegrad simulate CONFIG -i IMAGE --strip OUT.png --set KEY=VALUE</code> makes the same with a "
        "picture of yours. All of it has a gradient.</p></header>\n",
        SG_VERSION);
}

sg_status sg_gallery_make(const char *out_html)
{
    sg_text h = {0};
    sg_status status = SG_OK;
    head_put(&h);
    for (int i = 0; i < sg_gallery_count && status == SG_OK; i++) {
        const sg_gallery_entry *entry = &sg_gallery_entries[i];
        printf("%2d/%d  %s: %s\n", i + 1, sg_gallery_count, entry->section, entry->title);
        if (i == 0 || strcmp(entry->section, sg_gallery_entries[i - 1].section) != 0)
            sg_text_add(&h, "<h2>%s</h2>\n", entry->section);
        status = entry_put(&h, entry);
    }
    sg_text_add(&h, "<footer>Made by <code>scopegrad gallery</code>.</footer></main></body></html>\n");
    if (status == SG_OK) status = h.status;
    if (status == SG_OK) status = sg_file_write(out_html, h.data, h.len);
    sg_text_free(&h);
    return status;
}
