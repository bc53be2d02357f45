/* cmd_info.c - `scopegrad info`: version, operations, config keys, libraries. */
#include "core/memory.h"
#include "datasets/cache.h"
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/keys.h"
#include "pipeline/op_table.h"
#include "pipeline/schema.h"

#include <stdio.h> /* jpeglib.h needs FILE */

#include <H5public.h>
#include <cjson/cJSON.h>
#include <fftw3.h>
#include <jpeglib.h>
#include <matio.h>
#include <png.h>
#include <string.h>
#include <tiffio.h>
#include <yaml.h>
#ifdef SG_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif

static void print_onednn(void)
{
#ifdef SG_HAVE_ONEDNN
    const dnnl_version_t *v = dnnl_version();
    printf("oneDNN       %d.%d.%d\n", v->major, v->minor, v->patch);
#else
    puts("oneDNN       none: the plain C kernels run");
#endif
}

/* "LIBTIFF, Version 4.5.0\nCopyright ..." -> 4.5.0 */
static void print_tiff(void)
{
    const char *text = TIFFGetVersion();
    const char *version = strstr(text, "Version ");
    version = version ? version + strlen("Version ") : text;
    printf("libtiff      %.*s\n", (int)strcspn(version, "\n"), version);
}

static void print_jpeg(void)
{
#ifdef LIBJPEG_TURBO_VERSION_NUMBER
    const int v = LIBJPEG_TURBO_VERSION_NUMBER;
    printf("libjpeg      turbo %d.%d.%d\n", v / 1000000, v / 1000 % 1000, v % 1000);
#else
    printf("libjpeg      %d\n", JPEG_LIB_VERSION);
#endif
}

static void print_libraries(void)
{
    int major, minor, patch;
    Mat_GetLibraryVersion(&major, &minor, &patch);
    printf("FFTW         %s\n", fftwf_version);
    print_onednn();
    printf("OpenMP       %d\n", _OPENMP);
    printf("HDF5         %d.%d.%d\n", H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE);
    print_tiff();
    printf("libpng       %s\n", png_get_libpng_ver(NULL));
    print_jpeg();
    printf("matio        %d.%d.%d\n", major, minor, patch);
    printf("libyaml      %s\n", yaml_get_version_string());
    printf("cJSON        %s\n", cJSON_Version());
}

/* | would end the cell of a Markdown table. */
static void print_cell(const char *text)
{
    for (; *text; text++) printf(*text == '|' ? "\\|" : "%c", *text);
}

static void print_ops(void)
{
    puts("| operation | formula | gradient |\n| --- | --- | --- |");
    for (int i = 0; i < sg_op_table_count; i++) {
        const sg_op *op = sg_op_table[i];
        printf("| `%s` | ", op->name);
        print_cell(op->formula);
        printf(" | %s%s |\n", op->surrogate ? "surrogate: " : "exact", op->surrogate ? op->surrogate : "");
    }
}

/* The resolved form of a config file, with --set applied: what a run would use. */
static sg_status print_config(const char *path, const sg_option_list *set)
{
    sg_config config;
    char *text;
    SG_TRY(sg_cmd_config(&config, path, set));
    SG_TRY(sg_config_write(&text, &config, SG_CONFIG_FULL));
    fputs(text, stdout);
    sg_free(text);
    return SG_OK;
}

/* What a cache of pictures holds, and whether it is whole. */
static sg_status print_cache(const char *path)
{
    sg_cache *cache;
    uint64_t damaged;
    SG_TRY(sg_cache_open(&cache, path));
    const sg_cache_info *info = sg_cache_info_of(cache);
    printf("cache of %s\nformat version %d, %d pictures, %d channel%s, %.1f MiB in %llu tiles of %d x %d pixels\n",
           info->source[0] ? info->source : "made-up pictures", SG_CACHE_VERSION, info->count, info->channels,
           info->channels == 1 ? "" : "s", (double)info->bytes / 1048576, (unsigned long long)info->tiles,
           SG_CACHE_TILE_PX, SG_CACHE_TILE_PX);
    const sg_status status = sg_cache_check(cache, &damaged);
    if (status == SG_OK && damaged)
        printf("%llu tiles are damaged; they are decoded again when they are needed\n", (unsigned long long)damaged);
    else if (status == SG_OK)
        puts("no tile is damaged");
    sg_cache_close(cache);
    return status;
}

static bool is_cache(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && strcmp(dot, ".cache") == 0;
}

static void print_parts(bool keys, bool ops, bool libraries)
{
    const bool all = !keys && !ops && !libraries;
    if (all) puts("scopegrad " SG_VERSION "\n");
    if (libraries || all) print_libraries();
    if (all) putchar('\n');
    if (ops || all) print_ops();
    if (all) putchar('\n');
    if (keys || all) sg_keys_print(stdout);
}

sg_status sg_cmd_info(int argc, char **argv)
{
    bool keys = false, ops = false, libraries = false, schema = false, done;
    const char *config = NULL;
    sg_option_list set = {.count = 0};
    const sg_option options[] = {
        {"keys", 'k', SG_OPTION_FLAG, &keys, NULL, "every config key with unit, range and default (Markdown)"},
        {"ops", 0, SG_OPTION_FLAG, &ops, NULL, "every operation with its formula (Markdown)"},
        {"libraries", 0, SG_OPTION_FLAG, &libraries, NULL, "libraries and their versions"},
        {"schema", 0, SG_OPTION_FLAG, &schema, NULL, "everything that stands in results.h5 and all.h5 (Markdown)"},
        {"set", 's', SG_OPTION_LIST, &set, "KEY=VALUE", "with CONFIG: change a key"},
    };
    const sg_usage usage = {.command = "info",
                            .positionals = "[CONFIG|FILE.cache]",
                            .about =
                                "Prints what this program is made of; without options, everything.\n"
                                "With CONFIG: checks the file and prints every key with the value a run would use.\n"
                                "With FILE.cache: what a cache of pictures holds, and whether it is whole.",
                            .example = "scopegrad info --keys | grep camera",
                            .options = options,
                            .option_count = SG_COUNT(options),
                            .most = 1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &config, NULL, &done));
    if (done) return SG_OK;
    if (config && is_cache(config)) return print_cache(config);
    if (config) return print_config(config, &set);
    if (set.count) SG_FAIL(SG_E_USAGE, "--set needs a CONFIG to change");
    if (schema) sg_schema_print(stdout);
    if (keys || ops || libraries || !schema) print_parts(keys, ops, libraries);
    return SG_OK;
}
