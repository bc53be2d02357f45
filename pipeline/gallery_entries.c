/* gallery_entries.c - the rows of the gallery; see gallery.h. Numbers are chosen so that the effect is plain to see. */
#include "pipeline/gallery.h"

#define LIGHT  "Illumination"
#define PUPIL  "Pupil"
#define PSF    "Point spread function"
#define PIXELS "Pixels"
#define CAMERA "Camera"
#define SAMPLE "Sample"
#define ADC    "ADC"

/* clang-format off */
const sg_gallery_entry sg_gallery_entries[] = {
    {SAMPLE, "Unstained cells", "A picture g becomes a transmission exp(-a + i phi) with phi = phase_rad g + background: nearly invisible in bright field.",
     "", "sample amplitude phase image adu"},
    {SAMPLE, "Fluorescent cells", "Emission instead of transmission: intensity is blurred by |IDFT P|^2, the Airy pattern of the clear pupil.",
     "sample.kind=incoherent; illumination.exposures=1", "sample psf image adu"},

    {LIGHT, "Centre LED", "Coherent light along the axis: a phase object in focus shows only its edges.",
     "illumination.pattern=center", "LEDs image adu"},
    {LIGHT, "Bright field", "Every LED inside the objective's NA: partially coherent, even less phase contrast.",
     "illumination.pattern=brightfield", "LEDs image adu"},
    {LIGHT, "Dark field", "Only LEDs outside the NA: scattered light on black. Light that misses the pupil is paid for in dose.",
     "illumination.pattern=darkfield", "LEDs image adu"},
    {LIGHT, "Annulus", "LEDs at .8 NA to NA.", "illumination.pattern=annulus", "LEDs image adu"},
    {LIGHT, "Off axis", "One LED at .8 NA: relief-like phase contrast.", "illumination.pattern=off_axis", "LEDs image adu"},
    {LIGHT, "Differential phase contrast", "Two mirrored half circles, two exposures with noise of their own, read out as a difference (Tian & Waller 2015).",
     "illumination.pattern=dpc; illumination.exposures=2; camera.readout=difference", "LEDs image adu channels"},
    {LIGHT, "Rings of LEDs", "One LED in the middle, ring r has 6 r: all on.", "illumination.geometry=rings; illumination.pattern=all", "LEDs image adu"},

    {PUPIL, "Defocus", "exp(2 pi i z (sqrt((n/lambda)^2 - f^2) - n/lambda)): phase becomes visible.",
     "illumination.pattern=center; optics.defocus_um=20", "image adu"},
    {PUPIL, "Astigmatism and coma", "Zernike coefficients in Noll order, radians rms.",
     "illumination.pattern=off_axis; optics.zernike_rad=[0, 0, 0, 0, 0, 1, 0, 1]", "image adu"},

    {PSF, "Aberrated", "|IDFT P|^2 with a Zernike phase: 1 rad rms of spherical aberration and astigmatism.",
     "sample.kind=incoherent; optics.zernike_rad=[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]", "psf image adu"},
    {PSF, "Extra Gaussian blur", "sigma in micrometres, learnable.", "sample.kind=incoherent; optics.psf_sigma_um=2", "image pixels"},

    {PIXELS, "Coarse pixels", "Integration over each pixel is exact for the band-limited picture: its DFT times a sinc.",
     "sample.kind=incoherent; camera.pixel_um=4", "image pixels adu"},

    {CAMERA, "Ten photons", "Poisson shot noise at a tenth of a dim exposure.", "illumination.dose_ph=10", "pixels electrons adu"},
    {CAMERA, "Ten thousand photons", "The same picture with a thousand times the light.", "illumination.dose_ph=10000", "pixels electrons adu"},

    {ADC, "Two bits", "adu = clamp(round(e / gain + offset), 0, 2^b - 1); straight-through gradient (Bengio, Leonard & Courville 2013).",
     "illumination.pattern=off_axis; camera.bit_depth=2; camera.offset_adu=0; camera.range_e=300", "electrons adu"},
};
/* clang-format on */
const int sg_gallery_count = (int)(sizeof sg_gallery_entries / sizeof *sg_gallery_entries);
