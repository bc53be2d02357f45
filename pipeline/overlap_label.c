/* overlap_label.c - see overlap_label.h; the geometry is that of physics/overlap.c. */
#include "pipeline/overlap_label.h"

#include <string.h>

typedef struct field {
    int picture, rows; /* whose field; moved up by so many rows */
} field;

static field field_of(int own, int j, int batch, int side, int fields)
{
    return (field){(own + j) % batch, j / batch * (side / fields)};
}

static int32_t largest(const int32_t *x, size_t len)
{
    int32_t most = 0;
    for (size_t i = 0; i < len; i++)
        if (x[i] > most) most = x[i];
    return most;
}

/* Pixel (y, x) of a field on the sensor. */
static size_t place(field f, size_t i, int side)
{
    const size_t pixels = (size_t)side * (size_t)side, moved = (size_t)f.rows * (size_t)side;
    return (size_t)f.picture * pixels + (i + moved) % pixels;
}

void sg_overlap_label(float *out, const float *label, int batch, int side, int fields)
{
    const size_t pixels = (size_t)side * (size_t)side;
    memcpy(out, label, (size_t)batch * pixels * sizeof *out);
    for (int b = 0; b < batch; b++)
        for (int j = 1; j < fields; j++) {
            const field f = field_of(b, j, batch, side, fields);
            float *own = out + (size_t)b * pixels;
            for (size_t i = 0; i < pixels; i++) {
                const float other = label[place(f, i, side)];
                if (other > own[i]) own[i] = other;
            }
        }
}

void sg_overlap_instances(int32_t *out, const int32_t *instances, int batch, int side, int fields)
{
    const size_t pixels = (size_t)side * (size_t)side;
    const int32_t step = largest(instances, (size_t)batch * pixels);
    memcpy(out, instances, (size_t)batch * pixels * sizeof *out);
    for (int b = 0; b < batch; b++)
        for (int j = 1; j < fields; j++) {
            const field f = field_of(b, j, batch, side, fields);
            int32_t *own = out + (size_t)b * pixels;
            for (size_t i = 0; i < pixels; i++) {
                const int32_t other = instances[place(f, i, side)];
                if (own[i] == 0 && other > 0) own[i] = other + j * step;
            }
        }
}
