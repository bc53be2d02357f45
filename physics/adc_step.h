/* adc_step.h - inside physics/: the logistic step whose slope the ADC ops use, see adc.h. Included by kernel files. */
#ifndef SG_PHYSICS_ADC_STEP_H
#define SG_PHYSICS_ADC_STEP_H

#include "core/op.h"
#include "physics/adc.h"

#include <tgmath.h>

/* Width at this point of the training: falls evenly in its logarithm. */
static inline double R(adc_width)(const sg_adc_width *w, const sg_step *step)
{
    const double t = step->progress, done = t < 0 ? 0 : t > 1 ? 1 : t;
    return w->start * pow(w->end / w->start, done);
}

/* Without overflow at any x. */
static inline real R(logistic)(real x)
{
    const real z = exp(-fabs(x)), s = 1 / (1 + z);
    return x < 0 ? z * s : s;
}

/* s (1 - s), s the logistic function of x; without overflow at any x. */
static inline real R(logistic_slope)(real x)
{
    const real z = exp(-fabs(x)), d = 1 + z;
    return z / (d * d);
}

#endif
