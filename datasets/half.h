/* half.h - IEEE 754 half precision, as files store it. Not installed. */
#ifndef SG_DATASETS_HALF_H
#define SG_DATASETS_HALF_H

#include <math.h>
#include <stdint.h>

static inline double sg_half(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const double size = exponent == 0   ? ldexp(mantissa, -24)
                        : exponent < 31 ? ldexp(mantissa + 1024, exponent - 25)
                        : mantissa == 0 ? (double)INFINITY
                                        : (double)NAN;
    return bits >> 15 ? -size : size;
}

#endif
