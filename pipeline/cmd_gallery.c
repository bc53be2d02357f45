/* cmd_gallery.c - `scopegrad gallery`: a page of the whole physical layer. */
#include "core/parallel.h"
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/gallery.h"

#include <stdio.h>

sg_status sg_cmd_gallery(int argc, char **argv)
{
    const char *out = "gallery.html";
    int threads = 0;
    bool done;
    const sg_option options[] = {
        {"output", 'o', SG_OPTION_TEXT, &out, "FILE", "the page"},
        {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core", 0, 1024},
    };
    const sg_usage usage = {
        "gallery",
        "",
        "Simulates every stage and choice of the physical layer on built-in pictures and writes one HTML "
        "page of them, with the keys of each.",
        "scopegrad gallery -o gallery.html",
        options,
        SG_COUNT(options),
        0,
        0};
    SG_TRY(sg_args_parse(&usage, argc, argv, NULL, NULL, &done));
    if (done) return SG_OK;
    sg_threads_set(threads);
    SG_TRY(sg_gallery_make(out));
    printf("gallery: %s\n", out);
    return SG_OK;
}
