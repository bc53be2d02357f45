/* camera_preset.c - see camera_preset.h. Nominal numbers: cameras of one type differ, and each has several modes;
 * measure yours (`scopegrad calibrate camera`). Pixel pitches are said, not set: they belong to the optics. */
#include "physics/camera_preset.h"

typedef struct preset {
    double qe, dark_e_per_s, full_well_e, read_noise_e, em_gain, gain_e_per_adu, offset_adu;
    int bit_depth;
} preset;

static const preset presets[] = {
    /* Hamamatsu ORCA-Flash4.0 V3 (C13440-20CU), data sheet, standard scan, air cooling: 82 % at 560 nm, 0.06 e/s, 30
     * 000 e, 1.6 e rms, 0.46 e per count, offset 100 counts, 16 bits; 6.5 um */
    [SG_PRESET_SCMOS] = {.82, .06, 30000, 1.6, 0, .46, 100, 16},
    /* Andor iXon Ultra 897, manual version 1.1 (2013): page 39, 50 e rms at 10 MHz without gain; page 60, pixels
     * saturate at about 160 000 e; page 50, 10 e per count or so. Data sheet: above 90 % at 575 nm, gain up to 1000,
     * 300 in common use; 0.001 e/s at -85 C (SOFIA observer's handbook, FPI+, a camera of this type). 12.2 e after
     * gain per count: 16 bits span the register's 800 000 e; 16 um */
    [SG_PRESET_EMCCD] = {.9, .001, 160000, 50, 300, 12.2, 100, 16},
    /* Sony IMX174, global shutter, EMVA 1288 measurement by Point Grey ("Sony Pregius global shutter CMOS imaging
     * performance", 2015): 77 % at 525 nm, 6.83 e rms, 32 691 e, over 12 bits; dark current not given there; 5.86 um */
    [SG_PRESET_INDUSTRIAL_CMOS] = {.77, 0, 32691, 6.83, 0, 8, 10, 12},
    /* SwissSPAD2 (Ulku et al., IEEE J. Sel. Top. Quantum Electron. 25, 6801212 (2019)), sold as SPAD512S: detection
     * probability 50 % at 520 nm, dark counts below 25 a second (maker's page), times 10.5 % fill factor (Bruschini et
     * al., Light Sci. Appl. 8, 87 (2019)); one bit a frame, as many as camera.frames; 16.38 um. */
    [SG_PRESET_SPAD] = {.5 * .105, 25, 1e6, 0, 0, 1, 0, 1},
    /* counts every photon */
    [SG_PRESET_IDEAL] = {1, 0, 1e6, 0, 0, 1, 0, 16},
};

void sg_camera_preset_apply(sg_camera_config *config, sg_camera_preset choice)
{
    const preset *p = &presets[choice];
    config->preset = choice;
    if (choice == SG_PRESET_NONE) return;
    config->qe = p->qe;
    config->dark_e_per_s = p->dark_e_per_s;
    config->full_well_e = p->full_well_e;
    config->read_noise_e = p->read_noise_e;
    config->em_gain = p->em_gain;
    config->bit_depth = p->bit_depth;
    config->range_e = p->gain_e_per_adu * ((1 << p->bit_depth) - 1); /* a gain_e_per_adu of one's own wins over it */
    config->offset_adu = p->offset_adu;
    config->shot = SG_SHOT_POISSON;
    config->kind = choice == SG_PRESET_SPAD ? SG_CAMERA_SPAD : SG_CAMERA_INTEGRATING; /* frames: the user's */
}
