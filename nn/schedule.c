/* schedule.c - the factor on every learning rate. With s the step, w warmup_steps, T total_steps, f final_lr_fraction:
 *   all        s < w: (s + 1) / (w + 1), except one-cycle
 *   constant   1
 *   cosine     f + (1 - f) (1 + cos(pi t)) / 2, t = (s - w) / (T - 1 - w) (Loshchilov & Hutter, ICLR 2017)
 *   one-cycle  rises from 1/25 to 1 over w steps (0: .3 T), then falls to f, both as half a cosine (Smith & Topin 2019)
 */
#include "nn/optimiser.h"

#include <math.h>

/* From a (t = 0) to b (t = 1) along half a cosine; t is clamped. */
static double anneal(double a, double b, double t)
{
    const double pi = 3.14159265358979323846;
    if (t < 0) t = 0;
    if (t > 1) t = 1;
    return b + (a - b) * (1 + cos(pi * t)) / 2;
}

/* Where `step` lies between begin and end; 1 where there is nothing between. */
static double between(int64_t step, int64_t begin, int64_t end)
{
    return end > begin ? (double)(step - begin) / (double)(end - begin) : 1;
}

double sg_schedule_factor(const sg_optimiser_config *config, int64_t step, int64_t total_steps)
{
    const int64_t last = total_steps - 1;
    int64_t warmup = config->warmup_steps;
    if (config->schedule == SG_SCHEDULE_ONE_CYCLE) {
        if (warmup <= 0) warmup = (int64_t)(.3 * (double)total_steps);
        if (step < warmup) return anneal(1. / 25, 1, between(step, 0, warmup));
        return anneal(1, config->final_lr_fraction, last > warmup ? between(step, warmup, last) : 0);
    }
    if (step < warmup) return (double)(step + 1) / (double)(warmup + 1);
    if (config->schedule == SG_SCHEDULE_COSINE)
        return anneal(1, config->final_lr_fraction, last > warmup ? between(step, warmup, last) : 0);
    return 1;
}
