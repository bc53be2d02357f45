/* text.c - see text.h. */
#include "pipeline/text.h"

#include "core/memory.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void sg_text_free(sg_text *text)
{
    sg_free(text->data);
    *text = (sg_text){0};
}

static bool grow(sg_text *text, size_t more)
{
    if (text->status != SG_OK) return false;
    if (text->len + more + 1 <= text->room) return true;
    const size_t room = 2 * (text->len + more + 1) + 256;
    char *data;
    text->status = SG_ALLOC(&data, room, "a text");
    if (text->status != SG_OK) return false;
    if (text->len) memcpy(data, text->data, text->len);
    sg_free(text->data);
    text->data = data;
    text->room = room;
    return true;
}

void sg_text_bytes(sg_text *text, const char *data, size_t len)
{
    if (!grow(text, len)) return;
    if (len) memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void sg_text_add(sg_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int len = vsnprintf(NULL, 0, format, args);
    if (len >= 0 && grow(text, (size_t)len)) {
        (void)vsnprintf(text->data + text->len, (size_t)len + 1, format, again);
        text->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void sg_text_html(sg_text *text, const char *plain)
{
    static const char special[] = "&<>\"'";
    static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (; *plain; plain++) {
        const char *found = strchr(special, *plain);
        if (found)
            sg_text_add(text, "%s", entity[found - special]);
        else
            sg_text_bytes(text, (unsigned char)*plain < 32 && *plain != '\n' ? " " : plain, 1);
    }
}

void sg_text_json(sg_text *text, const char *plain)
{
    sg_text_bytes(text, "\"", 1);
    for (; *plain; plain++) {
        const unsigned char c = (unsigned char)*plain;
        if (c < 32)
            sg_text_add(text, "\\u%04x", c);
        else
            sg_text_add(text, c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    sg_text_bytes(text, "\"", 1);
}

void sg_text_csv(sg_text *text, const char *plain)
{
    const bool quotes = plain[strcspn(plain, ",\"\r\n")] != 0;
    if (quotes) sg_text_bytes(text, "\"", 1);
    for (; *plain; plain++) {
        if (*plain == '"') sg_text_bytes(text, "\"", 1);
        sg_text_bytes(text, plain, 1);
    }
    if (quotes) sg_text_bytes(text, "\"", 1);
}

void sg_text_data_uri(sg_text *text, const char *mime, const void *data, size_t size)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;
    sg_text_add(text, "data:%s;base64,", mime);
    if (!grow(text, (size + 2) / 3 * 4)) return;
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t word =
            (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        const char four[4] = {digit[word >> 18], digit[word >> 12 & 63], left > 1 ? digit[word >> 6 & 63] : '=',
                              left > 2 ? digit[word & 63] : '='};
        sg_text_bytes(text, four, 4);
    }
}
