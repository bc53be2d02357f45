/* plane_rows.c - calls the text of nn/plane_rows_text.c that is compiled for this machine. */
#include "nn/plane_rows.h"

#include "nn/simd_text.h"

SG_TEXTS(sg_plane_copy, (const sg_plane_rows *p), (p))
SG_TEXTS(sg_plane_activate, (const sg_plane_rows *p, float bias, float slope), (p, bias, slope))
SG_TEXTS(sg_plane_add, (const sg_plane_rows *p), (p))
