/* args.c - a command line read by a table of options, and the help text made from the same table. */
#include "pipeline/args.h"

#include "pipeline/keys.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- help ---- */

static void print_default(const sg_option *option)
{
    char text[32];
    switch (option->type) {
    case SG_OPTION_TEXT:
        if (*(const char **)option->out) printf(" [%s]", *(const char **)option->out);
        break;
    case SG_OPTION_INT: /* a value outside the range says "not given" */
        if (*(int *)option->out >= option->lo) printf(" [%d]", *(int *)option->out);
        break;
    case SG_OPTION_REAL:
        sg_number_text(text, *(double *)option->out);
        printf(" [%s]", text);
        break;
    case SG_OPTION_LIST: printf(" (may be repeated)"); break;
    case SG_OPTION_FLAG: break;
    }
}

static void print_option(const sg_option *option)
{
    char left[64], letter[8] = "    ";
    if (option->letter) (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    const int width = snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name, option->value_name ? " " : "",
                               option->value_name ? option->value_name : "");
    printf("  %-28s%s%s", left, width >= 28 ? " " : "", option->help);
    print_default(option);
    putchar('\n');
}

/* Folded at spaces, so that no line is longer than 96 columns. */
static void print_folded(const char *text)
{
    int column = 0;
    while (*text) {
        const int word = (int)strcspn(text, " \n");
        if (column > 0 && column + 1 + word > 96) putchar('\n'), column = 0;
        column += printf("%s%.*s", column > 0 ? " " : "", word, text);
        text += word;
        if (*text == '\n') putchar('\n'), column = 0;
        text += *text != 0;
    }
    putchar('\n');
}

static void print_help(const sg_usage *usage)
{
    printf("Usage: scopegrad %s [OPTIONS]%s%s\n\n", usage->command, *usage->positionals ? " " : "", usage->positionals);
    print_folded(usage->about);
    puts("\nOptions:");
    for (int i = 0; i < usage->option_count; i++) print_option(&usage->options[i]);
    printf("  -h, --help                  this text\n\nExample:\n  %s\n", usage->example);
}

/* ---- values ---- */

static sg_status set_number(const sg_option *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    const double value = strtod(text, &end);
    const bool whole = option->type == SG_OPTION_INT;
    if (!*text || *end || text[strspn(text, "0123456789+-.eE")] || (whole && value != rint(value)))
        SG_FAIL(SG_E_USAGE, "--%s: '%.60s' is not %s", option->name, text, whole ? "an integer" : "a number");
    if (!(value >= option->lo && value <= option->hi)) {
        char lo[32], hi[32];
        sg_number_text(lo, option->lo);
        sg_number_text(hi, option->hi);
        SG_FAIL(SG_E_USAGE, "--%s: %.60s is outside %s..%s", option->name, text, lo, hi);
    }
    if (whole)
        *(int *)option->out = (int)value;
    else
        *(double *)option->out = value;
    return SG_OK;
}

static sg_status add_item(const sg_option *option, const char *text)
{
    sg_option_list *list = option->out;
    if (list->count == SG_OPTION_LIST_MAX)
        SG_FAIL(SG_E_USAGE, "--%s: given more than %d times", option->name, SG_OPTION_LIST_MAX);
    list->item[list->count++] = text;
    return SG_OK;
}

static sg_status set_value(const sg_option *option, const char *text)
{
    switch (option->type) {
    case SG_OPTION_FLAG: *(bool *)option->out = true; return SG_OK;
    case SG_OPTION_INT:
    case SG_OPTION_REAL: return set_number(option, text);
    case SG_OPTION_LIST: return add_item(option, text);
    case SG_OPTION_TEXT: break;
    }
    if (!*text) SG_FAIL(SG_E_USAGE, "--%s: the %s is empty", option->name, option->value_name);
    *(const char **)option->out = text;
    return SG_OK;
}

/* ---- finding options ---- */

static const sg_option *find_name(const sg_usage *usage, const char *name, size_t length)
{
    for (int i = 0; i < usage->option_count; i++)
        if (strlen(usage->options[i].name) == length && !memcmp(usage->options[i].name, name, length))
            return &usage->options[i];
    return NULL;
}

static const sg_option *find_letter(const sg_usage *usage, char letter)
{
    for (int i = 0; i < usage->option_count; i++)
        if (usage->options[i].letter && usage->options[i].letter == letter) return &usage->options[i];
    return NULL;
}

static sg_status unknown_option(const sg_usage *usage, const char *text)
{
    const char *near = NULL;
    int best = 4;
    char name[64];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    for (int i = 0; name[0] == '-' && name[1] == '-' && i < usage->option_count; i++) {
        const int distance = sg_edit_distance(name + 2, usage->options[i].name);
        if (distance < best) best = distance, near = usage->options[i].name;
    }
    if (near) SG_FAIL(SG_E_USAGE, "unknown option %s; did you mean --%s?", name, near);
    SG_FAIL(SG_E_USAGE, "unknown option %s; see scopegrad %s --help", name, usage->command);
}

/* One option at argv[*i], with its value if it takes one; *i then stands on the last word used. */
static sg_status parse_option(const sg_usage *usage, int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    const bool is_long = word[1] == '-';
    const size_t length = is_long ? strcspn(word + 2, "=") : 1;
    const sg_option *option = is_long ? find_name(usage, word + 2, length) : find_letter(usage, word[1]);
    if (!option) return unknown_option(usage, word);
    const char *rest = is_long ? word + 2 + length : word + 2;
    if (option->type == SG_OPTION_FLAG && *rest) SG_FAIL(SG_E_USAGE, "--%s takes no value", option->name);
    if (option->type == SG_OPTION_FLAG) return set_value(option, NULL);
    if (*rest) return set_value(option, *rest == '=' ? rest + 1 : rest);
    if (*i + 1 >= argc) SG_FAIL(SG_E_USAGE, "--%s needs a value: %s", option->name, option->value_name);
    return set_value(option, argv[++*i]);
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return true;
    return false;
}

sg_status sg_args_parse(const sg_usage *usage, int argc, char **argv, const char **positional, int *count, bool *done)
{
    int used = 0;
    bool options = true;
    for (int i = 0; i < usage->most; i++) positional[i] = NULL;
    *done = wants_help(argc, argv);
    if (*done) {
        print_help(usage);
        return SG_OK;
    }
    for (int i = 1; i < argc; i++) {
        if (options && !strcmp(argv[i], "--")) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            SG_TRY(parse_option(usage, argc, argv, &i));
        } else {
            if (used == usage->most)
                SG_FAIL(SG_E_USAGE, "unexpected argument '%.60s'; see scopegrad %s --help", argv[i], usage->command);
            positional[used++] = argv[i];
        }
    }
    if (used < usage->least)
        SG_FAIL(SG_E_USAGE, "missing argument; usage: scopegrad %s [OPTIONS] %s", usage->command, usage->positionals);
    if (count) *count = used;
    return SG_OK;
}

sg_status sg_args_output(const char *path, const char *ending)
{
    struct stat there;
    const size_t length = path ? strlen(path) : 0, tail = strlen(ending);
    if (!path || stat(path, &there) != 0 || !S_ISREG(there.st_mode)) return SG_OK;
    if (length >= tail && strcmp(path + length - tail, ending) == 0) return SG_OK;
    SG_FAIL(SG_E_USAGE, "--output: %s is there already and is no %s; use another name", path, ending);
}
