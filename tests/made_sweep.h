/* made_sweep.h - sweep folders with made-up results, for the tests of the report: runs.csv, sweep.yaml and
 * runs/<id>/results.h5. A failure fails the cmocka test that asks. */
#ifndef SG_TESTS_MADE_SWEEP_H
#define SG_TESTS_MADE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

enum { MADE_ARMS = 10, MADE_DOSES = 3, MADE_SEEDS = 3 };

typedef struct made_arm {
    const char *name, *readout;
    int exposures;
    bool learned;
    double dice;
} made_arm;
extern const made_arm made_arms[MADE_ARMS];
extern const double made_doses[MADE_DOSES];

/* Segmentation: ten lights at three doses, three seeds each; reference: learned. */
void made_lights(const char *folder);
double made_dice(int arm, int dose, int seed);
uint64_t made_light_id(int arm, int dose, int seed);
/* Classification: three cameras, six bit depths, two doses, three seeds. */
void made_bits(const char *folder);
/* Regression: a random search of `count` combinations, one seed each. */
void made_search(const char *folder, int count);

#endif
