/* gnuplot.c - one gnuplot process a picture; script, picture and complaints go through nameless temporary files, so
 * there is no pipe to fill up and no path to quote. */
#include "pipeline/gnuplot.h"

#include "core/memory.h"

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PICTURE_MAX = 1 << 26, COMPLAINT_MAX = 400 };

void sg_gnuplot_quote(sg_text *script, const char *plain)
{
    sg_text_bytes(script, "'", 1);
    for (; *plain; plain++) {
        if (*plain == '\'')
            sg_text_bytes(script, "''", 2);
        else
            sg_text_bytes(script, (unsigned char)*plain < 32 || *plain == '`' ? " " : plain, 1);
    }
    sg_text_bytes(script, "'", 1);
}

/* Starts gnuplot with the three files as stdin, stdout, stderr and waits; *state as from waitpid. 0 or an errno. */
static int process_run(FILE *const files[3], int *state)
{
    char program[] = "gnuplot", quiet[] = "-d", standard_input[] = "-", locale[] = "LC_ALL=C.UTF-8";
    char *const argument[] = {program, quiet, standard_input, NULL}; /* -d: no settings of the user */
    char path[4096], home[4096];
    posix_spawn_file_actions_t actions;
    pid_t child;
    const char *search = getenv("PATH"), *folder = getenv("HOME"); /* HOME: the cache of the fonts */
    (void)snprintf(path, sizeof path, "PATH=%s", search ? search : "/usr/bin:/bin");
    (void)snprintf(home, sizeof home, "HOME=%s", folder ? folder : "/");
    char *const environment[] = {path, home, locale, NULL};
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    for (int i = 0; i < 3 && !error; i++) error = posix_spawn_file_actions_adddup2(&actions, fileno(files[i]), i);
    if (!error) error = posix_spawnp(&child, program, &actions, NULL, argument, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (error) return error;
    while (waitpid(child, state, 0) < 0)
        if (errno != EINTR) return errno;
    return 0;
}

static sg_status all_read(FILE *file, size_t most, void **out, size_t *size)
{
    *out = NULL;
    if (fseek(file, 0, SEEK_END) != 0) SG_FAIL(SG_E_IO, "gnuplot: its output cannot be read");
    const long end = ftell(file);
    *size = end < 0 ? 0 : (size_t)end < most ? (size_t)end : most;
    rewind(file);
    SG_TRY(sg_alloc(out, *size + 1, 1, "output of gnuplot"));
    if (fread(*out, 1, *size, file) == *size) return SG_OK;
    sg_free(*out);
    *out = NULL;
    SG_FAIL(SG_E_IO, "gnuplot: its output cannot be read");
}

/* gnuplot says what it did not like in the last line that is neither blank nor a caret. */
static sg_status complain(FILE *errors, int state)
{
    void *text;
    size_t size;
    SG_TRY(all_read(errors, COMPLAINT_MAX, &text, &size));
    sg_status status =
        sg_error_set(SG_E_IO, "gnuplot failed (exit %d): %s", WIFEXITED(state) ? WEXITSTATUS(state) : -1, (char *)text);
    sg_free(text);
    return status;
}

/* Runs the script; *out = what it printed. */
static sg_status picture_make(const sg_text *head, const sg_text *script, void **out, size_t *size)
{
    FILE *files[3] = {tmpfile(), tmpfile(), tmpfile()};
    sg_status status = SG_OK;
    int state = 0;
    *out = NULL;
    *size = 0;
    if (!files[0] || !files[1] || !files[2]) SG_FAIL_DONE(SG_E_IO, "gnuplot: no temporary file: %s", strerror(errno));
    const bool written = fwrite(head->data, 1, head->len, files[0]) == head->len &&
                         fwrite(script->data, 1, script->len, files[0]) == script->len && fflush(files[0]) == 0;
    if (!written || lseek(fileno(files[0]), 0, SEEK_SET) != 0)
        SG_FAIL_DONE(SG_E_IO, "gnuplot: the script cannot be written: %s", strerror(errno));
    const int error = process_run(files, &state);
    if (error == ENOENT) SG_FAIL_DONE(SG_E_IO, "gnuplot is not installed (package gnuplot-nox)");
    if (error) SG_FAIL_DONE(SG_E_IO, "gnuplot cannot be started: %s", strerror(error));
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
        status = complain(files[2], state);
        goto done;
    }
    SG_TRY_DONE(all_read(files[1], PICTURE_MAX, out, size));
    if (*size == 0) status = complain(files[2], state);
done:
    for (int i = 0; i < 3; i++)
        if (files[i]) (void)fclose(files[i]);
    return status;
}

/* Copies `svg` from its <svg element on; black becomes the page's own text colour, and the names of point shapes get a
 * number, so that several pictures live in one page. */
static void svg_adapt(sg_text *out, const char *svg, unsigned number)
{
    static const struct {
        const char *from, *to;
        const char *until; /* goes too, with what stands before it */
    } change[] = {
        {"\"black\"", "\"currentColor\""},
        {"'black'", "'currentColor'"},
        {"rgb(  0,   0,   0)", "currentColor"},
        {"'gpDot'", "'f%ugpDot'"},
        {"'gpPt", "'f%ugpPt"},
        {"'#gpDot'", "'#f%ugpDot'"},
        {"'#gpPt", "'#f%ugpPt"},
        {"id=\"gnuplot_", "id=\"f%ugnuplot_"},
        {"<title>Gnuplot</title>", ""},
        {"<title> </title>", ""},
        {"<title>gnuplot_plot_", "", "</title>"},
        {" onmousemove=\"gnuplot_svg.showHypertext(evt,'", "><title>"}, /* a browser shows a title without scripts */
        {"')\" onmouseout=\"gnuplot_svg.hideHypertext()\">", "</title>"},
    };
    enum { CHANGES = sizeof change / sizeof change[0] };
    const char *at = strstr(svg, "<svg"), *found[CHANGES];
    for (int i = 0; i < CHANGES; i++) found[i] = at ? strstr(at, change[i].from) : NULL;
    while (at && *at) {
        int which = -1;
        for (int i = 0; i < CHANGES; i++) {
            if (found[i] && found[i] < at) found[i] = strstr(at, change[i].from);
            if (found[i] && (which < 0 || found[i] < found[which])) which = i;
        }
        if (which < 0) break;
        sg_text_bytes(out, at, (size_t)(found[which] - at));
        const char *mark = strstr(change[which].to, "%u");
        if (!mark)
            sg_text_add(out, "%s", change[which].to);
        else
            sg_text_add(out, "%.*s%u%s", (int)(mark - change[which].to), change[which].to, number, mark + 2);
        at = found[which] + strlen(change[which].from);
        const char *end = change[which].until ? strstr(at, change[which].until) : NULL;
        if (end) at = end + strlen(change[which].until);
    }
    if (at) sg_text_add(out, "%s", at);
}

/* Takes the groups that hold nothing out: gnuplot leaves one for every change of a pen, a third of all elements. True
 * if there was one: those around it may hold nothing now. */
static bool svg_thin(sg_text *page)
{
    const size_t before = page->len;
    char *to = page->data, *at = page->data;
    while (at && *at) {
        const char *end = strncmp(at, "<g ", 3) == 0 ? strchr(at, '>') : NULL;
        const char *after = end ? end + 1 + strspn(end + 1, " \t\n") : NULL;
        if (after && strncmp(after, "</g>", 4) == 0)
            at += after + 4 - at;
        else
            *to++ = *at++;
    }
    if (!to) return false;
    *to = '\0';
    page->len = (size_t)(to - page->data);
    return page->len < before;
}

static uint32_t hash_of(const sg_text *text)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text->len; i++) hash = (hash ^ (unsigned char)text->data[i]) * 16777619u;
    return hash;
}

static sg_status svg_draw(sg_figure *out, const sg_text *script, int width, int height)
{
    sg_text head = {0}, page = {0};
    void *raw = NULL;
    size_t size;
    sg_text_add(&head, "set terminal svg size %d,%d dynamic font 'Helvetica,14' noenhanced rounded\n", width, height);
    sg_status status = head.status;
    if (status == SG_OK) status = picture_make(&head, script, &raw, &size);
    if (status == SG_OK) {
        svg_adapt(&page, raw, hash_of(script));
        status = page.status;
        while (status == SG_OK && svg_thin(&page)) continue;
    }
    if (status == SG_OK && !page.data) status = sg_error_set(SG_E_IO, "gnuplot wrote no <svg> element");
    if (status == SG_OK)
        out->svg = page.data;
    else
        sg_text_free(&page);
    sg_free(raw);
    sg_text_free(&head);
    return status;
}

sg_status sg_gnuplot_png(void **png, size_t *size, const sg_text *script, int width, int height)
{
    sg_text head = {0};
    *png = NULL;
    SG_TRY(script->status);
    sg_text_add(&head,
                "set terminal pngcairo size %d,%d font 'sans,14' fontscale 2 linewidth 2 pointscale 3 noenhanced "
                "rounded background rgb 'white'\n",
                2 * width, 2 * height);
    const sg_status status = head.status == SG_OK ? picture_make(&head, script, png, size) : head.status;
    sg_text_free(&head);
    return status;
}

sg_status sg_gnuplot_draw(sg_figure *out, const sg_text *script, int width, int height)
{
    *out = (sg_figure){0};
    SG_TRY(script->status);
    out->width = width;
    SG_TRY(svg_draw(out, script, width, height));
    const sg_status status = sg_gnuplot_png(&out->png, &out->png_size, script, width, height);
    if (status != SG_OK) sg_figure_free(out);
    return status;
}

void sg_figure_free(sg_figure *figure)
{
    sg_free(figure->svg);
    sg_free(figure->png);
    *figure = (sg_figure){0};
}
