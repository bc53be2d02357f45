/* keys_write.c - a config value as one-line YAML. */
#include "pipeline/keys.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void sg_number_text(char out[32], double value)
{
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(out, 32, "%.*g", digits, value);
        const bool ready = strtod(out, NULL) == value;
        if (ready && !(fabs(value) >= 1 && fabs(value) < 1e7 && strchr(out, 'e'))) return; /* 200, not 2e+02 */
    }
}

static void write_number(FILE *out, double value)
{
    char text[32];
    sg_number_text(text, value);
    fputs(text, out);
}

static void write_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void write_word(FILE *out, const char *names, unsigned index)
{
    while (index-- && strchr(names, ' ')) names = strchr(names, ' ') + 1;
    fprintf(out, "%.*s", (int)strcspn(names, " "), names);
}

static void write_list(FILE *out, const double *value, int count)
{
    fputc('[', out);
    for (int i = 0; i < count; i++) {
        if (i) fputs(", ", out);
        write_number(out, value[i]);
    }
    fputc(']', out);
}

static void write_path(FILE *out, const char *path, bool portable)
{
    const char *slash = strrchr(path, '/');
    write_quoted(out, portable && slash ? slash + 1 : path);
}

static void write_learn(FILE *out, const sg_learn *learn)
{
    fprintf(out, "learn: %s, lr: ", learn->on ? "true" : "false");
    write_number(out, learn->lr);
}

static void write_value(FILE *out, const sg_config *config, const sg_key *key, bool portable)
{
    const void *at = (const char *)config + key->offset;
    switch (key->type) {
    case SG_KEY_INT:
        if (key->zero && *(const int *)at == 0)
            fputs(key->zero, out);
        else
            fprintf(out, "%d", *(const int *)at);
        break;
    case SG_KEY_SEED: fprintf(out, "%" PRIu64, *(const uint64_t *)at); break;
    case SG_KEY_REAL:
        if (key->zero && *(const double *)at == 0)
            fputs(key->zero, out);
        else
            write_number(out, *(const double *)at);
        break;
    case SG_KEY_BOOL: fputs(*(const bool *)at ? "true" : "false", out); break;
    case SG_KEY_ENUM: write_word(out, key->names, *(const unsigned *)at); break;
    case SG_KEY_TEXT: write_quoted(out, at); break;
    case SG_KEY_PATH: write_path(out, at, portable); break;
    case SG_KEY_LIST: write_list(out, at, *(const int *)((const char *)config + key->count)); break;
    case SG_KEY_LEARN: break;
    }
}

void sg_key_write(FILE *out, const sg_config *config, const sg_key *key, bool portable)
{
    if (!sg_key_learnable(key)) {
        write_value(out, config, key, portable);
        return;
    }
    fputc('{', out);
    if (key->type != SG_KEY_LEARN) {
        fputs("init: ", out);
        write_value(out, config, key, portable);
        fputs(", ", out);
    }
    write_learn(out, (const sg_learn *)(const void *)((const char *)config + (key->learn ? key->learn : key->offset)));
    fputc('}', out);
}
