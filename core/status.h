/* status.h - error codes and the one-line text that explains the last failure of this thread.
 * Every fallible function returns enum sg_status. SG_FAIL and SG_TRY are the only ways out:
 *     SG_TRY(sg_config_read(&cfg, path));
 *     if (bits < 1) SG_FAIL(SG_E_RANGE, "camera.bit_depth: %d is outside 1..16", bits);
 * The text names file, key, op and numbers, has no newline, and lives until the thread's next failure. */
#ifndef SG_CORE_STATUS_H
#define SG_CORE_STATUS_H

#define SG_STATUS_LIST(X)                                                                                              \
    X(SG_OK, "ok")                                                                                                     \
    X(SG_E_USAGE, "wrong usage")                                                                                       \
    X(SG_E_CONFIG, "wrong configuration")                                                                              \
    X(SG_E_RANGE, "value out of range")                                                                                \
    X(SG_E_SHAPE, "shapes do not fit")                                                                                 \
    X(SG_E_MEMORY, "out of memory")                                                                                    \
    X(SG_E_IO, "input or output failed")                                                                               \
    X(SG_E_FORMAT, "file is damaged or of another format")                                                             \
    X(SG_E_NUMERIC, "not a number or infinite")                                                                        \
    X(SG_E_STATE, "call out of order")                                                                                 \
    X(SG_E_INTERRUPTED, "interrupted")                                                                                 \
    X(SG_E_PARTIAL, "some runs failed")

typedef enum sg_status {
#define SG_STATUS_ENUM(code, text) code,
    SG_STATUS_LIST(SG_STATUS_ENUM)
#undef SG_STATUS_ENUM
} sg_status;

/* The text of a code; never NULL. */
const char *sg_status_text(sg_status status);
/* The text of this thread's last failure ("" before the first); valid until its next one. */
const char *sg_error_text(void);
/* Sets the text and returns `status`. */
sg_status sg_error_set(sg_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "prefix: " in front of the text and returns `status`. */
sg_status sg_error_prefix(sg_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define SG_FAIL(code, ...) return sg_error_set((code), __VA_ARGS__)
#define SG_TRY(call)                                                                                                   \
    do {                                                                                                               \
        const sg_status sg_try_status = (call);                                                                        \
        if (sg_try_status != SG_OK) return sg_try_status;                                                              \
    } while (0)
/* In a function that cleans up under one `done:` label, with a variable `sg_status status`. */
#define SG_TRY_DONE(call)                                                                                              \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != SG_OK) goto done;                                                                                \
    } while (0)
#define SG_FAIL_DONE(code, ...)                                                                                        \
    do {                                                                                                               \
        status = sg_error_set((code), __VA_ARGS__);                                                                    \
        goto done;                                                                                                     \
    } while (0)

#endif
