/* status.c - the thread's last error text. */
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SG_TEXT_MAX = 1024 };
static _Thread_local char sg_text[SG_TEXT_MAX];

const char *sg_status_text(sg_status status)
{
    switch (status) {
#define SG_STATUS_CASE(code, text)                                                                                     \
    case code: return text;
        SG_STATUS_LIST(SG_STATUS_CASE)
#undef SG_STATUS_CASE
    }
    return "unknown status";
}

const char *sg_error_text(void)
{
    return sg_text;
}

/* A message is one line: what a damaged file holds must not break the terminal. */
static void one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 32 || *text == 127) *text = ' ';
}

sg_status sg_error_set(sg_status status, const char *format, ...)
{
    char text[SG_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    one_line(text);
    memcpy(sg_text, text, sizeof text);
    return status;
}

sg_status sg_error_prefix(sg_status status, const char *format, ...)
{
    char prefix[SG_TEXT_MAX / 2], rest[SG_TEXT_MAX / 2];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    (void)snprintf(rest, sizeof rest, "%.*s", (int)sizeof rest - 1, sg_text);
    return sg_error_set(status, "%s: %s", prefix, rest);
}
