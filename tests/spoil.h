/* spoil.h - a row of the op table whose backward is broken on purpose, to see that the tests notice. */
#ifndef SG_TESTS_SPOIL_H
#define SG_TESTS_SPOIL_H

#include "core/op.h"

typedef enum spoil_kind {
    SPOIL_NOTHING,
    SPOIL_SIGN,    /* -g */
    SPOIL_SCALE,   /* 1.01 g */
    SPOIL_ZERO,    /* 0 */
    SPOIL_SWAP,    /* height and width swapped: plane[y][x] reads element x h + y */
    SPOIL_ELEMENT, /* one element changed by 1 % */
    SPOIL_KINDS,
    /* These change nothing if the row keeps its contract: */
    SPOIL_NOISE = SPOIL_KINDS, /* din starts as numbers, which are taken off again: backward adds */
    SPOIL_FRESH, /* din starts as NaN with `fresh` set, where the row says sets_fresh: every element is written */
} spoil_kind;

extern const char *const spoil_name[SPOIL_KINDS];

/* `op` with all backward kernels wrapped. One at a time: the state is static. Valid until the next call. */
const sg_op *spoil_row(const sg_op *op);
/* What happens to din[input] from now on (SPOIL_NOISE and SPOIL_FRESH: to every din). */
void spoil_set(spoil_kind kind, int input);
/* Since spoil_set: did a kernel run with din[input] wanted, and was the gradient changed by more than 1e-6 of its
 * largest element? */
bool spoil_wanted(void);
bool spoil_changed(void);

#endif
