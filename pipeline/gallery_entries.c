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

    {SAMPLE, "A thick sample", "Slices with exact propagation between them, here two cells 20 um apart: the first one is out of focus.",
     "sample.kind=slices; sample.slices=2; sample.slice_um=20; sample.background_rad=0; illumination.pattern=center", "sample image adu"},
    {SAMPLE, "Three colours", "The same sample at 475, 532 and 630 nm; LEDs, pupil and phase scale with the wavelength. Weights of all colours share the dose.",
     "optics.colours_um=[.475, .532, .63]; illumination.pattern=off_axis", "LEDs image adu"},

    {SAMPLE, "Three dyes through three filters", "Built-in spectra of DAPI, EGFP and mCherry; each filter passes a part of each, and filters can learn their bands.",
     "sample.kind=incoherent; sample.dyes=DAPI EGFP mCherry; optics.colours_um=[.46, .51, .61]; optics.filter_width_um=[.05]", "sample filtered adu"},

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
    {LIGHT, "Any weights", "Random weights, scaled to the dose: where learning may start.", "illumination.pattern=random", "LEDs image adu"},
    {LIGHT, "On or off", "The same weights on an array that cannot dim its LEDs: above half of the brightest one is on, the dose stays.",
     "illumination.pattern=random; illumination.levels=on_off", "LEDs image adu"},
    {LIGHT, "Rings of LEDs", "One LED in the middle, ring r has 6 r: all on.", "illumination.geometry=rings; illumination.pattern=all", "LEDs image adu"},

    {PUPIL, "Defocus", "exp(2 pi i z (sqrt((n/lambda)^2 - f^2) - n/lambda)): phase becomes visible.",
     "illumination.pattern=center; optics.defocus_um=20", "image adu"},
    {PUPIL, "Astigmatism and coma", "Zernike coefficients in Noll order, radians rms.",
     "illumination.pattern=off_axis; optics.zernike_rad=[0, 0, 0, 0, 0, 1, 0, 1]", "image adu"},

    {PUPIL, "Focal planes", "One picture for each focal plane; they share the dose.",
     "illumination.pattern=center; optics.planes_um=[-20, 0, 20]", "image adu"},

    {PSF, "Aberrated", "|IDFT P|^2 with a Zernike phase: 1 rad rms of spherical aberration and astigmatism.",
     "sample.kind=incoherent; optics.zernike_rad=[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]", "psf image adu"},
    {PSF, "Born-Wolf", "Scalar defocus integral (Born & Wolf, section 8.8), four focal planes.",
     "sample.kind=incoherent; optics.psf=born_wolf; optics.na=.4; sample.pixel_um=.25; camera.pixel_um=.5; optics.planes_um=[0, 4, 8, 12]", "psf image"},
    {PSF, "Gibson-Lanni", "10 um into water under a coverslip, with an oil objective: spherical aberration (Gibson & Lanni 1992).",
     "sample.kind=incoherent; optics.psf=gibson_lanni; optics.na=1.2; optics.medium_index=1.515; sample.pixel_um=.08; camera.pixel_um=.16; optics.specimen_um=10; optics.planes_um=[-2, 0, 2]", "psf image"},
    {PSF, "Edge kernel", "Fixed kernels for teaching: edge, smooth, sharpen.",
     "sample.kind=incoherent; optics.psf=kernel; optics.psf_kernel=edge", "image adu"},
    {PSF, "Extra Gaussian blur", "sigma in micrometres, learnable.", "sample.kind=incoherent; optics.psf_sigma_um=2", "image pixels"},

    {PSF, "Phase mask for depth of field", "A cubic phase (Dowski & Cathey 1995) makes nearly the same PSF over a range of depths; a network or a filter removes its blur.",
     "sample.kind=incoherent; optics.mask=cubic; optics.mask_rad=20; optics.planes_um=[-20, 0, 20]", "psf image"},

    {PIXELS, "Coarse pixels", "Integration over each pixel is exact for the band-limited picture: its DFT times a sinc.",
     "sample.kind=incoherent; camera.pixel_um=4", "image pixels adu"},

    {PIXELS, "Binning on the chip", "Electrons of 4 x 4 pixels add before the read noise.",
     "sample.kind=incoherent; camera.binning=4; illumination.dose_ph=10", "pixels electrons adu"},
    {PIXELS, "Two cameras", "Half the light each, the second one looks half a pixel to the right and down: a phase ramp, learnable.",
     "sample.kind=incoherent; camera.pixel_um=4; camera.view_x_um=[0, 2]; camera.view_y_um=[0, 2]", "pixels adu"},
    {PIXELS, "Bayer filters", "Three colours on one sensor: the transmission of each pixel at each wavelength, fixed or learned.",
     "optics.colours_um=[.475, .532, .63]; illumination.pattern=off_axis; camera.cfa=bayer", "image pixels adu"},
    {PIXELS, "Exposure mask", "Neighbours of one tile see 1, 1/2, 1/4 and 1/8 of the light: high dynamic range in one exposure.",
     "sample.kind=incoherent; camera.exposure_mask=[1, .5, .25, .125]", "pixels adu"},
    {PIXELS, "Detectors behind masks", "1024 single-pixel measurements behind Hadamard masks instead of an image; the network sees sum (y - mean y) mask. Masks can be learned.",
     "sample.kind=incoherent; sample.size_px=64; camera.detectors=1024; camera.detector_mask=hadamard; camera.bit_depth=16; illumination.dose_ph=1000000", "image channels"},

    {CAMERA, "Ten photons", "Poisson shot noise at a tenth of a dim exposure.", "illumination.dose_ph=10", "pixels electrons adu"},
    {CAMERA, "Ten thousand photons", "The same picture with a thousand times the light.", "illumination.dose_ph=10000", "pixels electrons adu"},

    {CAMERA, "An electron-multiplying register", "Gamma-distributed gain (Basden, Haniff & Mackay 2003): read noise vanishes, shot noise doubles in variance.",
     "sample.kind=incoherent; illumination.dose_ph=5; camera.read_noise_e=20; camera.em_gain=300", "pixels electrons adu"},
    {CAMERA, "The same light without it", "Twenty electrons of read noise bury five photons.",
     "sample.kind=incoherent; illumination.dose_ph=5; camera.read_noise_e=20", "pixels electrons adu"},

    {ADC, "Two bits", "adu = clamp(round(e / gain + offset), 0, 2^b - 1); straight-through gradient (Bengio, Leonard & Courville 2013).",
     "illumination.pattern=off_axis; camera.bit_depth=2; camera.offset_adu=0; camera.range_e=300", "electrons adu"},
    {ADC, "Learned thresholds", "Any ascending thresholds, here three at 30, 100 and 300 e instead of an even two-bit ADC; soft gradient to electrons and thresholds.",
     "sample.kind=incoherent; illumination.dose_ph=1000; camera.bit_depth=2; camera.adc=thresholds; camera.adc_threshold_e=[30, 100, 300]; camera.offset_adu=0", "electrons adu"},
    {ADC, "Mixed bits", "A tile of pixels with one to four bits.",
     "sample.kind=incoherent; illumination.dose_ph=1000; camera.adc=thresholds; camera.bit_depth=4; camera.bit_pattern=[1, 2, 3, 4]; camera.range_e=1000; camera.offset_adu=0", "electrons adu"},
    {ADC, "Single-photon array", "Sixteen one-bit frames: a pixel fires with probability 1 - exp(-mu), and is counted.",
     "sample.kind=incoherent; camera.kind=spad; camera.frames=16; illumination.dose_ph=20", "pixels adu"},
};
/* clang-format on */
const int sg_gallery_count = (int)(sizeof sg_gallery_entries / sizeof *sg_gallery_entries);
