/* keys.c - the table of config keys, finding and suggesting keys, the reference page. Defaults are the main job:
 * unstained nuclei under 9 x 9 LEDs. */
#include "pipeline/keys.h"

#include <stdint.h>
#include <string.h>

#define FIELD_SIZE(f) sizeof(((sg_config *)0)->f)
/* The path of a key is the path of its field, below microscope or directly. */
#define SCOPE(f)      .path = #f, .offset = offsetof(sg_config, microscope.f)
#define PLAIN(f)      .path = #f, .offset = offsetof(sg_config, f)
#define NETWORK(f)    .path = "network." #f, .offset = offsetof(sg_config, unet.f)
#define LEARN(f)      .learn = offsetof(sg_config, microscope.f)
#define SCOPE_TEXT(f) SCOPE(f), .size = FIELD_SIZE(microscope.f)
#define PLAIN_TEXT(f) PLAIN(f), .size = FIELD_SIZE(f)

#define INT    SG_KEY_INT
#define SEED   SG_KEY_SEED
#define REAL   SG_KEY_REAL
#define BOOL   SG_KEY_BOOL
#define ENUM   SG_KEY_ENUM
#define TEXT   SG_KEY_TEXT
#define PATH   SG_KEY_PATH
#define LIST   SG_KEY_LIST
#define LEARNT SG_KEY_LEARN

/* clang-format off */
const sg_key sg_keys[] = {
    {SCOPE(sample.kind), .type = ENUM, .names = "coherent stack incoherent slices colour field",
     .doc = "coherent: a picture becomes phase and absorption; stack: measured images, one per LED; incoherent: emission; slices: several"},
    {SCOPE(sample.size_px), .type = INT, .unit = "px", .lo = 8, .hi = 8192, .value = 256, .doc = "side of the sample grid, margin included"},
    {SCOPE(sample.margin_px), .type = INT, .unit = "px", .lo = 0, .hi = 2048, .value = 0, .doc = "border removed on each side after imaging"},
    {SCOPE(sample.pixel_um), .type = REAL, .unit = "um", .lo = 1e-3, .hi = 1e3, .value = .5, .doc = "pitch of the sample grid"},
    {SCOPE(sample.phase_rad), .type = REAL, .unit = "rad", .lo = -100, .hi = 100, .value = 1, .doc = "phase where the picture is brightest"},
    {SCOPE(sample.absorption), .type = REAL, .lo = 0, .hi = 10, .value = .05, .doc = "absorption of the amplitude where the picture is brightest"},
    {SCOPE(sample.background_rad), .type = REAL, .unit = "rad", .lo = 0, .hi = 10, .value = .15, .doc = "rms of the random background phase"},
    {SCOPE(sample.correlation_um), .type = REAL, .unit = "um", .lo = 0, .hi = 1e3, .value = 3, .doc = "Gaussian correlation length of the background phase"},
    {SCOPE(sample.slices), .type = INT, .lo = 1, .hi = SG_SLICE_MAX, .value = 2, .doc = "slices: how many; the first one meets the light first"},
    {SCOPE(sample.slice_um), .type = REAL, .unit = "um", .lo = 1e-3, .hi = 1e4, .value = 5, .doc = "slices: distance to the next one; the focal plane is the last one plus defocus_um"},
    {SCOPE(sample.volume_planes), .type = INT, .lo = 1, .hi = SG_SLICE_MAX, .value = 1, .doc = "incoherent: pictures of a volume, slice_um apart, their middle in focus; the sample has one channel each"},
    {SCOPE(sample.depth_um), .type = REAL, .unit = "um", .lo = 0, .hi = 1e4, .value = 0,
     .doc = "incoherent: each picture lies at a random depth within +-depth_um of the focal plane, another one in every epoch"},

    {SCOPE_TEXT(sample.dyes), .type = TEXT, .doc = "incoherent: one channel a dye: DAPI EGFP mOrange2 mCherry Cy5, or columns of spectra_csv; empty: one emission without colour"},
    {SCOPE_TEXT(sample.spectra_csv), .type = PATH, .doc = "emission spectra: wavelength_um, then a column for each dye; empty: Gaussians of published peak and width"},

    {SCOPE(illumination.geometry), .type = ENUM, .names = "grid rings csv", .doc = "how the LEDs are arranged"},
    {SCOPE(illumination.rows), .type = INT, .lo = 1, .hi = 128, .value = 9, .doc = "grid: rows of LEDs"},
    {SCOPE(illumination.columns), .type = INT, .lo = 1, .hi = 128, .value = 9, .doc = "grid: columns of LEDs"},
    {SCOPE(illumination.pitch_mm), .type = REAL, .unit = "mm", .lo = 1e-3, .hi = 1e3, .value = 4, .doc = "distance between LEDs; used if pitch_na is none"},
    {SCOPE(illumination.height_mm), .type = REAL, .unit = "mm", .lo = 1e-3, .hi = 1e5, .value = 100, .doc = "array above the sample; used if pitch_na is none"},
    {SCOPE(illumination.pitch_na), .type = REAL, .lo = 1e-4, .hi = 1, .value = .04, .zero = "none", .doc = "distance between LEDs in illumination NA"},
    {SCOPE(illumination.rings), .type = INT, .lo = 0, .hi = 64, .value = 4, .doc = "rings: number of rings around the centre LED; ring r has 6 r LEDs"},
    {SCOPE_TEXT(illumination.csv), .type = PATH, .doc = "csv: table of LEDs with x_mm,y_mm or na_x,na_y and, if wanted, power"},
    {SCOPE(illumination.slide_mm), .type = REAL, .unit = "mm", .lo = 0, .hi = 100, .value = 0, .doc = "glass slide between array and sample; 0: none"},
    {SCOPE(illumination.slide_index), .type = REAL, .lo = 1, .hi = 4, .value = 1.52, .doc = "refractive index of the slide"},
    {SCOPE(illumination.sampling), .type = ENUM, .names = "snap exact", .doc = "LED directions rounded to the nearest bin, or as they are"},
    {SCOPE(illumination.pattern), .type = ENUM, .names = "center brightfield darkfield annulus half dpc off_axis all random csv",
     .value = SG_PATTERN_BRIGHTFIELD, .doc = "LED weights: fixed, or where learning starts"},
    {SCOPE_TEXT(illumination.pattern_csv), .type = PATH, .doc = "pattern csv: one row an LED, one column an exposure (of every colour, if they differ)"},
    {SCOPE(illumination.exposures), .type = INT, .lo = 1, .hi = SG_EXPOSURE_MAX, .value = 1, .doc = "exposures per measurement; pattern dpc has 2"},
    {SCOPE(illumination.jitter), .type = REAL, .lo = 0, .hi = 1, .value = 0,
     .doc = "starting weights times a random number in 1 - jitter .. 1 + jitter: learned exposures that start equal would stay equal"},
    {SCOPE(illumination.constraint), .type = ENUM, .names = "dose box", .doc = "dose: all patterns cost dose_ph; box: each LED between 0 and 1"},
    {SCOPE(illumination.levels), .type = ENUM, .names = "continuous bits8 on_off", .doc = "what the array can show: any weight, 256 levels up to the brightest LED, or each LED on or off"},
    {SCOPE(illumination.dose_ph), .type = REAL, .unit = "photons", .lo = 1e-3, .hi = 1e9, .value = 200,
     .doc = "dose: photons per camera pixel area at the sample in one measurement, all exposures together"},
    {SCOPE(illumination.flux_ph_per_s), .type = REAL, .unit = "photons/s", .lo = 1e-3, .hi = 1e12, .value = 1e4, .doc = "box: one LED at weight 1, per camera pixel area"},
    {SCOPE(illumination.exposure_s), .type = REAL, .unit = "s", .lo = 1e-9, .hi = 1e5, .value = .01, .doc = "box: duration of one exposure"},
    {SCOPE(illumination.learn), .type = LEARNT, .doc = "learn the LED weights"},
    {SCOPE(illumination.learn_position), .type = LEARNT, .doc = "learn the LED positions (sampling exact)"},

    {SCOPE(optics.wavelength_um), .type = REAL, .unit = "um", .lo = .01, .hi = 100, .value = .53, .doc = "wavelength in vacuum"},
    {SCOPE(optics.colours_um), .type = LIST, .unit = "um", .lo = .01, .hi = 100, .size = SG_COLOUR_MAX,
     .count = offsetof(sg_config, microscope.optics.colours_count), .doc = "one picture for each of these wavelengths, rising or falling; empty: wavelength_um, at which phases are given"},
    {SCOPE(optics.planes_um), .type = LIST, .unit = "um", .lo = -1e4, .hi = 1e4, .size = SG_PLANE_MAX,
     .count = offsetof(sg_config, microscope.optics.planes_count), .doc = "one picture for each of these focal planes, added to defocus_um; they share the dose; empty: one at 0"},
    {SCOPE(optics.filter_width_um), LEARN(optics.learn_filter), .type = LIST, .unit = "um", .lo = 0, .hi = 10, .size = SG_COLOUR_MAX,
     .count = offsetof(sg_config, microscope.optics.filter_width_count), .doc = "dyes: band passed around each of colours_um, one width or one for each; centres and widths learn"},
    {SCOPE(optics.na), LEARN(optics.learn_na), .type = REAL, .lo = 1e-3, .hi = 1.7, .value = .1, .doc = "numerical aperture of the objective; learnable with edge smooth"},
    {SCOPE(optics.medium_index), .type = REAL, .lo = 1, .hi = 4, .value = 1, .doc = "refractive index of the medium"},
    {SCOPE(optics.defocus_um), LEARN(optics.learn_defocus), .type = REAL, .unit = "um", .lo = -1e4, .hi = 1e4, .value = 0, .doc = "positive: the focal plane lies behind the sample along the light"},
    {SCOPE(optics.magnification), .type = REAL, .lo = 1e-3, .hi = 1e4, .value = 1, .doc = "camera pixel / pixel in the sample plane"},
    {SCOPE(optics.edge), .type = ENUM, .names = "hard smooth", .doc = "edge of the pupil: a bin is in or out, or counts by its covered part"},
    {SCOPE(optics.zernike_rad), LEARN(optics.learn_zernike), .type = LIST, .unit = "rad", .lo = -100, .hi = 100, .size = SG_ZERNIKE_MAX,
     .count = offsetof(sg_config, microscope.optics.zernike_count), .doc = "Zernike coefficients of the pupil phase, Noll order from piston"},
    {SCOPE(optics.learn_amplitude), .type = LEARNT, .doc = "learn the pupil's amplitude, bin by bin (sampling snap)"},
    {SCOPE(optics.learn_phase), .type = LEARNT, .doc = "learn the pupil's phase, bin by bin (sampling snap)"},
    {SCOPE_TEXT(optics.pupil_file), .type = PATH, .doc = "measured pupil or phase mask: complex, or 2 pages: amplitude, phase in rad, or phase alone; learning starts there"},
    {SCOPE(optics.pupil_file_na), .type = REAL, .lo = 1e-3, .hi = 4, .value = 0, .zero = "bins",
     .doc = "NA at the edge of the pupil file's square, axis at number px/2; bins: it holds the bins of the image grid"},
    {SCOPE(optics.psf_sigma_um), LEARN(optics.learn_psf_sigma), .type = REAL, .unit = "um", .lo = 0, .hi = 1e3, .value = 0, .doc = "extra Gaussian blur of the image, 0: none; with psf gaussian the PSF itself"},
    {SCOPE(optics.psf), .type = ENUM, .names = "pupil gaussian airy born_wolf gibson_lanni vectorial measured taps kernel",
     .doc = "point spread function of an incoherent sample; pupil: with all aberrations; gaussian: of psf_sigma_um; measured, taps, kernel: tables"},
    {SCOPE(optics.psf_grid), .type = INT, .lo = 1, .hi = 16, .value = 1, .doc = "PSFs at psf_grid x psf_grid places of the field, mixed bilinearly between them; 1: one for the whole field"},
    {SCOPE(optics.psf_modes), .type = INT, .lo = 1, .hi = 16, .value = 0, .zero = "off", .doc = "psf_grid: eigen-PSFs (singular value decomposition) whose weighted sums stand for the PSFs of all places: as many convolutions"},
    {SCOPE(optics.psf_sigma_edge_um), .type = REAL, .unit = "um", .lo = 1e-6, .hi = 1e3, .value = 0, .zero = "none", .doc = "psf_grid with psf gaussian: sigma in the corners of the field; psf_sigma_um in its middle, between them with the square of the distance"},
    {SCOPE(optics.field_curvature_um), .type = REAL, .unit = "um", .lo = -1e4, .hi = 1e4, .value = 0, .doc = "psf_grid: defocus in the corners of the field; it grows with the square of the distance from its middle"},
    {SCOPE(optics.psf_edge), .type = ENUM, .names = "periodic reflect zero", .doc = "what lies beyond the field when it is blurred"},
    {SCOPE(optics.mask), .type = ENUM, .names = "none cubic", .doc = "phase mask in the pupil; cubic: mask_rad (x^3 + y^3), x and y from -1 to 1 across the pupil"},
    {SCOPE(optics.mask_rad), LEARN(optics.learn_mask), .type = REAL, .unit = "rad", .lo = -1e3, .hi = 1e3, .value = 10, .doc = "strength of the phase mask"},
    {SCOPE(optics.specimen_um), LEARN(optics.learn_specimen), .type = REAL, .unit = "um", .lo = 0, .hi = 1e4, .value = 0, .doc = "gibson_lanni: depth below the coverslip; defocus_um counts from the focus there"},
    {SCOPE(optics.specimen_index), .type = REAL, .lo = 1, .hi = 4, .value = 1.33, .doc = "gibson_lanni: refractive index of the specimen"},
    {SCOPE(optics.coverslip_um), .type = REAL, .unit = "um", .lo = 0, .hi = 1e4, .value = 170, .doc = "gibson_lanni: thickness of the coverslip"},
    {SCOPE(optics.coverslip_index), .type = REAL, .lo = 1, .hi = 4, .value = 1.52, .doc = "gibson_lanni: its refractive index"},
    {SCOPE(optics.coverslip_design_um), .type = REAL, .unit = "um", .lo = 0, .hi = 1e4, .value = 170, .doc = "gibson_lanni: thickness that the objective is made for"},
    {SCOPE(optics.coverslip_design_index), .type = REAL, .lo = 1, .hi = 4, .value = 1.52, .doc = "gibson_lanni: index that the objective is made for"},
    {SCOPE(optics.immersion_um), .type = REAL, .unit = "um", .lo = 0, .hi = 1e5, .value = 150, .doc = "gibson_lanni: thickness of the immersion that the objective is made for"},
    {SCOPE(optics.immersion_design_index), .type = REAL, .lo = 1, .hi = 4, .value = 0, .zero = "medium", .doc = "gibson_lanni: index of the immersion that the objective is made for"},
    {SCOPE_TEXT(optics.psf_file), .type = PATH, .doc = "psf measured: picture of a point of light; of several pages FILE:PAGE, from 1; with psf_grid: a page for each place, row by row"},
    {SCOPE(optics.psf_pixel_um), .type = REAL, .unit = "um", .lo = 1e-4, .hi = 1e4, .value = 0, .zero = "none", .doc = "psf measured: pitch of its picture in the sample plane"},
    {SCOPE(optics.psf_crop_px), .type = INT, .unit = "px", .lo = 3, .hi = 8192, .value = 0, .zero = "all", .doc = "psf measured: side of the square used, around the brightest point"},
    {SCOPE(optics.psf_size_px), .type = INT, .unit = "px", .lo = 1, .hi = 4096, .value = 9, .doc = "psf taps: side of the square of taps; they start as a Gaussian of psf_sigma_um, 0: a point"},
    {SCOPE(optics.learn_taps), .type = LEARNT, .doc = "psf taps: learn them; they stay >= 0 and their sum 1"},
    {SCOPE(optics.psf_kernel), .type = ENUM, .names = "smooth sharpen edge", .doc = "psf kernel: 3 x 3 taps for teaching; negative light counts as none"},

    {SCOPE(camera.pixel_um), .type = REAL, .unit = "um", .lo = 1e-3, .hi = 1e4, .value = 1, .doc = "the camera's own pixel pitch"},
    {SCOPE(camera.fill_factor), .type = REAL, .lo = .01, .hi = 1, .value = 1, .zero = "point", .doc = "part of the pixel's area that is sensitive; point: the picture as it is at its middle"},
    {SCOPE(camera.binning), .type = INT, .unit = "px", .lo = 1, .hi = SG_BINNING_MAX, .value = 0, .zero = "none", .doc = "side of the squares of pixels that are read as one"},
    {SCOPE(camera.binning_kind), .type = ENUM, .names = "on_chip digital",
     .doc = "on_chip: electrons add before read noise (full_well_e is the summing node's); digital: the mean of the ADU, each with its own read noise"},
    {SCOPE(camera.view_x_um), .type = LIST, .unit = "um", .lo = -1e4, .hi = 1e4, .size = SG_VIEW_MAX, .count = offsetof(sg_config, microscope.camera.view_x_count),
     .doc = "several cameras, which share the light evenly: how far each looks to the right, in the sample plane"},
    {SCOPE(camera.view_y_um), .type = LIST, .unit = "um", .lo = -1e4, .hi = 1e4, .size = SG_VIEW_MAX, .count = offsetof(sg_config, microscope.camera.view_y_count),
     .doc = "several cameras: how far each looks downwards"},
    {SCOPE(camera.view_pitch), .type = LIST, .unit = "px", .lo = 1, .hi = SG_BINNING_MAX, .size = SG_VIEW_MAX, .count = offsetof(sg_config, microscope.camera.view_pitch_count),
     .doc = "several cameras: whole number of camera.pixel_um in a pixel of each; repeated on the common grid after the ADC; none: all 1"},
    {SCOPE(camera.learn_view), .type = LEARNT, .doc = "learn the shifts of the cameras"},
    {SCOPE(camera.small_fill_factor), .type = REAL, .lo = 1e-3, .hi = 1, .value = 0, .zero = "none", .doc = "pixels of two sizes: sensitive part of the area of the small ones"},
    {SCOPE(camera.small_tile), .type = LIST, .lo = 0, .hi = 1, .size = SG_TILE_MAX, .count = offsetof(sg_config, microscope.camera.small_tile_count),
     .doc = "where the small pixels are: a square tile of 0 and 1, row by row, that repeats; none: a checkerboard"},
    {SCOPE(camera.cfa), LEARN(camera.learn_cfa), .type = ENUM, .names = "none uniform bayer random file",
     .doc = "colour filter array: transmission of every pixel of a tile at every colour, fixed or where learning starts; uniform: 1/2"},
    {SCOPE(camera.cfa_tile_px), .type = INT, .unit = "px", .lo = 1, .hi = SG_TILE_MAX, .value = 0, .zero = "auto", .doc = "side of the tile of filters; auto: 2 for bayer, else 4"},
    {SCOPE(camera.cfa_transmission), .type = LIST, .lo = 0, .hi = 1, .size = 3 * SG_COLOUR_MAX, .count = offsetof(sg_config, microscope.camera.cfa_transmission_count),
     .doc = "bayer: transmission of red, green, blue filter, each at every colour; none: three colours, a filter for each, the longest wavelength red"},
    {SCOPE_TEXT(camera.cfa_file), .type = PATH, .doc = "cfa file: one picture of 0..1, the square tiles of the colours below each other"},
    {SCOPE(camera.exposure_mask), LEARN(camera.learn_exposure_mask), .type = LIST, .lo = 0, .hi = 1, .size = SG_TILE_MAX,
     .count = offsetof(sg_config, microscope.camera.exposure_mask_count), .doc = "high dynamic range: transmission of every pixel of a square tile, row by row; none: all open"},
    {SCOPE(camera.overlap_fields), .type = INT, .lo = 1, .hi = SG_OVERLAP_MAX, .value = 0, .zero = "none",
     .doc = "fields of view on one sensor: the next pictures of the batch add theirs; the label is the union of their labels"},
    {SCOPE(camera.detectors), .type = INT, .lo = 1, .hi = SG_DETECTOR_MAX, .value = 0, .zero = "none",
     .doc = "instead of pixels: detectors that share the light evenly, each behind a mask; the network sees sum (y - mean y) mask"},
    {SCOPE(camera.detector_mask), LEARN(camera.learn_detector_mask), .type = ENUM, .names = "random hadamard walsh",
     .doc = "starting masks: uniform random numbers, or (1 + H)/2 of a Hadamard matrix, walsh: fewest sign changes first"},
    {SCOPE(camera.qe), .type = REAL, .unit = "e/photon", .lo = 1e-3, .hi = 1, .value = 1, .doc = "quantum efficiency"},
    {SCOPE(camera.background_e), .type = REAL, .unit = "e", .lo = 0, .hi = 1e6, .value = 0, .doc = "electrons of stray light per exposure"},
    {SCOPE(camera.dark_e_per_s), .type = REAL, .unit = "e/s", .lo = 0, .hi = 1e6, .value = 0, .doc = "dark current"},
    {SCOPE(camera.exposure_s), .type = REAL, .unit = "s", .lo = 0, .hi = 1e5, .value = .01, .doc = "time in which dark current collects"},
    {SCOPE(camera.full_well_e), .type = REAL, .unit = "e", .lo = 1, .hi = 1e7, .value = 1e6, .doc = "electrons a pixel can hold"},
    {SCOPE(camera.read_noise_e), .type = REAL, .unit = "e", .lo = 0, .hi = 1e4, .value = 2, .doc = "rms of the read noise"},
    {SCOPE(camera.em_gain), .type = REAL, .lo = 1, .hi = 1e4, .value = 0, .zero = "none", .doc = "mean gain of an electron-multiplying register; range_e counts what comes out of it"},
    {SCOPE(camera.preset), .type = ENUM, .names = "none scmos emccd industrial_cmos spad ideal", .doc = "numbers of a real camera, wherever a file does not give them itself"},
    {SCOPE_TEXT(camera.prnu_map), .type = PATH, .doc = "relative sensitivity of every pixel, 1 on average: .npy, .tif, .png, .mat or file.h5:/array"},
    {SCOPE_TEXT(camera.dark_map), .type = PATH, .doc = "dark current of every pixel in e/s, instead of dark_e_per_s"},
    {SCOPE_TEXT(camera.read_noise_map), .type = PATH, .doc = "read noise of every pixel in e rms, instead of read_noise_e"},
    {SCOPE_TEXT(camera.dsnu_map), .type = PATH, .doc = "offset of every pixel in e, added after read noise"},
    {SCOPE(camera.map_row_px), .type = INT, .unit = "px", .lo = 0, .hi = 65536, .value = 0, .doc = "first row of the sensor in maps that are larger"},
    {SCOPE(camera.map_column_px), .type = INT, .unit = "px", .lo = 0, .hi = 65536, .value = 0, .doc = "first column of the sensor in maps that are larger"},
    {SCOPE(camera.prnu), .type = REAL, .lo = 0, .hi = 1, .value = 0, .doc = "rms of the pixels' sensitivities, drawn from sensor_seed; 0: all equal"},
    {SCOPE(camera.dsnu_e), .type = REAL, .unit = "e", .lo = 0, .hi = 1e4, .value = 0, .doc = "rms of the pixels' offsets, drawn from sensor_seed; 0: all equal"},
    {SCOPE(camera.hot_fraction), .type = REAL, .lo = 0, .hi = 1, .value = 0, .doc = "part of the pixels that are hot, drawn from sensor_seed"},
    {SCOPE(camera.hot_e_per_s), .type = REAL, .unit = "e/s", .lo = 0, .hi = 1e7, .value = 1e3, .doc = "mean dark current of hot pixels on top of dark_e_per_s"},
    {SCOPE(camera.sensor_seed), .type = SEED, .value = 1, .doc = "random numbers of the sensor: the same in all runs of it"},
    {SCOPE(camera.learn_prnu), .type = LEARNT, .doc = "learn the sensitivity of every pixel"},
    {SCOPE(camera.learn_dark), .type = LEARNT, .doc = "learn the dark electrons of every pixel"},
    {SCOPE(camera.learn_dsnu), .type = LEARNT, .doc = "learn the offset of every pixel"},
    {SCOPE(camera.shot), .type = ENUM, .names = "none poisson gaussian", .value = SG_SHOT_POISSON, .doc = "shot noise"},
    {SCOPE(camera.bit_depth), .type = INT, .unit = "bits", .lo = 1, .hi = 16, .value = 8, .zero = "none", .doc = "of the ADC; none: no ADC"},
    {SCOPE(camera.range_e), LEARN(camera.learn_range), .type = REAL, .unit = "e", .lo = 1e-3, .hi = 1e7, .value = 0, .zero = "auto",
     .doc = "electrons from code 0 to the highest code; auto: tuned on validation pictures"},
    {SCOPE(camera.gain_e_per_adu), .type = REAL, .unit = "e/ADU", .lo = 1e-6, .hi = 1e7, .value = 0, .zero = "auto", .doc = "electrons per code; if given, range_e follows from it"},
    {SCOPE(camera.offset_adu), LEARN(camera.learn_offset), .type = REAL, .unit = "ADU", .lo = 0, .hi = 65535, .value = 10, .doc = "code of zero electrons"},
    {SCOPE(camera.readout), .type = ENUM, .names = "channels difference sum", .doc = "how exposures become what the network sees"},
    {SCOPE(camera.normalise), .type = ENUM, .names = "range standard", .value = SG_NORMALISE_STANDARD,
     .doc = "range: electrons / range_e; standard: then zero mean and unit variance per picture"},
    {SCOPE(camera.kind), .type = ENUM, .names = "integrating spad", .doc = "spad: pixels fire once or not in each one-bit frame, and are counted"},
    {SCOPE(camera.frames), .type = INT, .unit = "frames", .lo = 1, .hi = 10000, .value = 1, .doc = "spad: one-bit frames in an exposure"},
    {SCOPE(camera.dark_counts), .type = REAL, .unit = "counts", .lo = 0, .hi = 100, .value = 0, .doc = "spad: mean dark counts of a pixel in one frame"},
    {SCOPE_TEXT(camera.dark_count_map), .type = PATH, .doc = "spad: the same for every pixel, from a file"},
    {SCOPE(camera.adc), .type = ENUM, .names = "uniform soft thresholds",
     .doc = "uniform: even, straight-through gradient; soft: that of steps of annealed width; thresholds: any, 1 to 8 bits, soft"},
    {SCOPE(camera.adc_training), .type = ENUM, .names = "hard soft", .doc = "thresholds: training sees codes, or the smooth steps of the gradient; evaluation sees codes"},
    {SCOPE(camera.adc_width_start), .type = REAL, .unit = "ADC steps", .lo = 1e-3, .hi = 1e3, .value = .5, .doc = "soft, thresholds: width of the gradient's step when training begins"},
    {SCOPE(camera.adc_width_end), .type = REAL, .unit = "ADC steps", .lo = 1e-3, .hi = 1e3, .value = .1, .doc = "soft, thresholds: and when it ends"},
    {SCOPE(camera.adc_threshold_e), .learn = offsetof(sg_config, microscope.camera.learn_threshold), .type = LIST, .unit = "e", .lo = -1e7, .hi = 1e7, .size = SG_THRESHOLD_MAX,
     .count = offsetof(sg_config, microscope.camera.adc_threshold_count), .doc = "thresholds: 2^bit_depth - 1 ascending ones; empty: adc_start places them"},
    {SCOPE(camera.adc_start), .type = ENUM, .names = "uniform quantiles", .doc = "thresholds: evenly over range_e, or between equal numbers of validation pixels"},
    {SCOPE(camera.adc_per_pixel), .type = BOOL, .value = 0, .doc = "thresholds: thresholds and levels of its own for every pixel"},
    {SCOPE(camera.learn_level), .type = LEARNT, .doc = "thresholds: learn what each code is worth, in ADU"},
    {SCOPE(camera.learn_weight), .type = LEARNT, .doc = "thresholds: learn a factor on each pixel's electrons"},
    {SCOPE(camera.bit_pattern), .type = LIST, .unit = "bits", .lo = 1, .hi = 8, .size = SG_BIT_PATTERN_MAX, .count = offsetof(sg_config, microscope.camera.bit_pattern_count),
     .doc = "thresholds: pixel (x, y) has number x + y floor(sqrt m) mod m of m: [1, 8] is a checkerboard; empty: all bit_depth"},
    {SCOPE_TEXT(camera.bit_map), .type = PATH, .doc = "thresholds: bits of every pixel, 1..8, from a file"},

    {PLAIN(network.kind), .type = ENUM, .names = "unet lenet5 resnet",
     .doc = "unet: a picture from a picture; lenet5, resnet: a class from a picture (loss.kind cross_entropy)"},
    {NETWORK(depth), .type = INT, .lo = 1, .hi = 6, .value = 3, .doc = "unet: number of poolings; resnet: of stages"},
    {NETWORK(width), .type = INT, .lo = 1, .hi = 256, .value = 16, .doc = "unet: channels of the finest level; resnet: of the first stage"},
    {NETWORK(norm), .type = ENUM, .names = "none batch", .value = SG_NORM_BATCH, .doc = "normalisation after each convolution"},
    {NETWORK(upsample), .type = ENUM, .names = "transposed bilinear", .doc = "how the decoder gets finer"},
    {PLAIN(network.dropout), .type = REAL, .lo = 0, .hi = .95, .value = 0, .doc = "classifiers: share of the numbers before the last layer that a training step leaves out"},
    {NETWORK(leaky_slope), .type = REAL, .lo = 0, .hi = 1, .value = 0, .doc = "slope of the activation below zero; 0: ReLU"},

    {PLAIN(nn.algorithm), .type = ENUM, .names = "auto direct",
     .doc = "auto: 3x3 convolutions by Winograd F(4x4, 3x3) where a fixed rule by shape says so; direct: summed as written, the least rounding"},
    {PLAIN(nn.precision), .type = ENUM, .names = "f32 bf16",
     .doc = "how values inside the network are stored; arithmetic, parameters and losses are f32, so bf16 needs no special processor"},
    {PLAIN(nn.recompute), .type = BOOL, .machine = true,
     .doc = "training: values that are cheap to make again are not kept for the backward pass: less memory, a little more time, the same bits"},

    {PLAIN(loss.kind), .type = ENUM, .names = "dice_bce mse cross_entropy", .doc = "segmentation, regression, or classification"},
    {PLAIN(loss.bce_weight), .type = REAL, .lo = 0, .hi = 1e3, .value = 1, .doc = "dice_bce: weight of the cross-entropy"},
    {PLAIN(loss.dice_weight), .type = REAL, .lo = 0, .hi = 1e3, .value = 1, .doc = "dice_bce: weight of the Dice loss"},
    {PLAIN(loss.class_weight), .type = ENUM, .names = "none balanced",
     .doc = "cross_entropy: balanced: a class weighs pictures / (classes x its own pictures) of the training split, so rare ones count as much"},

    {PLAIN(optimiser.kind), .type = ENUM, .names = "sgd adam adamw", .value = SG_OPTIMISER_ADAM, .doc = "SGD with momentum, Adam, AdamW"},
    {PLAIN(optimiser.lr), .type = REAL, .lo = 0, .hi = 100, .value = 2e-3, .doc = "learning rate of the network"},
    {PLAIN(optimiser.momentum), .type = REAL, .lo = 0, .hi = .9999, .value = .9, .doc = "sgd"},
    {PLAIN(optimiser.beta1), .type = REAL, .lo = 0, .hi = .9999, .value = .9, .doc = "adam, adamw: decay of the mean"},
    {PLAIN(optimiser.beta2), .type = REAL, .lo = 0, .hi = .999999, .value = .999, .doc = "adam, adamw: decay of the mean square"},
    {PLAIN(optimiser.epsilon), .type = REAL, .lo = 1e-16, .hi = 1, .value = 1e-8, .doc = "adam, adamw: added to the root"},
    {PLAIN(optimiser.weight_decay), .type = REAL, .lo = 0, .hi = 10, .value = 0, .doc = "of convolution kernels"},
    {PLAIN(optimiser.clip_norm), .type = REAL, .lo = 1e-6, .hi = 1e6, .value = 0, .zero = "none", .doc = "largest norm of the whole gradient"},
    {PLAIN(optimiser.schedule), .type = ENUM, .names = "constant cosine one_cycle", .value = SG_SCHEDULE_ONE_CYCLE, .doc = "course of all learning rates"},
    {PLAIN(optimiser.warmup_steps), .type = INT, .unit = "steps", .lo = 0, .hi = 1e8, .value = 0, .doc = "steps in which the learning rate rises; one_cycle: 0 means 30 %"},
    {PLAIN(optimiser.final_lr_fraction), .type = REAL, .lo = 0, .hi = 1, .value = .01, .doc = "cosine, one_cycle: learning rate at the end / lr"},

    {PLAIN(dataset.kind), .type = ENUM, .names = "builtin folder synthetic stack idx classes boxes",
     .doc = "builtin: nuclei that come with the program; idx, classes, boxes: pictures with a class each"},
    {PLAIN_TEXT(dataset.path), .type = PATH, .doc = "folder of images/, labels/ (target sample: no labels); stack: one picture per LED, or such a folder; idx: pictures; classes: a folder each"},
    {PLAIN_TEXT(dataset.splits), .type = PATH, .doc = "CSV name,split; empty: by hash of the name, 70/15/15"},
    {PLAIN_TEXT(dataset.axes), .type = TEXT, .doc = "what the dimensions of TIFF, .npy and HDF5 files are, as TZCYX; empty: what the file says (docs/formats.md)"},
    {PLAIN_TEXT(dataset.take), .type = TEXT, .doc = "one index (from 0) or channel of an axis, as T=0 C=DAPI; empty: all, each index a page"},
    {PLAIN(dataset.pixel_size), .type = ENUM, .names = "check ignore", .doc = "check: an error where a file states another pixel size than the config, by more than 1 %"},
    {PLAIN_TEXT(dataset.stack_variable), .type = TEXT, .doc = "stack: variable in the .mat file"},
    {PLAIN_TEXT(dataset.stack_leds_csv), .type = PATH, .doc = "stack: table of the LEDs' directions in the order of the images; empty: those of the illumination"},
    {PLAIN_TEXT(dataset.stack_files), .type = PATH, .doc = "stack: table led,file of a folder's pictures; empty: by the last number in their names"},
    {PLAIN_TEXT(dataset.stack_dark), .type = PATH, .doc = "stack: dark picture, one or one per LED, subtracted"},
    {PLAIN_TEXT(dataset.stack_flat), .type = PATH, .doc = "stack: flat field, one or one per LED: I = (raw - dark)/(flat - dark) x mean"},
    {PLAIN(dataset.stack_na), .type = REAL, .lo = 1e-3, .hi = 1.7, .value = 0, .zero = "optics", .doc = "stack: LEDs inside this NA are bright field; optics: optics.na"},
    {PLAIN(dataset.stack_stride_px), .type = INT, .unit = "px", .lo = 1, .hi = 8192, .value = 0, .zero = "window",
     .doc = "stack: between neighbouring windows; window: they do not overlap"},
    {PLAIN(dataset.target), .type = ENUM, .names = "mask dpc sample",
     .doc = "what the network learns: label > 0, the DPC picture of a stack, or the sample itself"},
    {PLAIN(dataset.target_gamma), .type = REAL, .lo = .01, .hi = 100, .value = 1, .doc = "sample: the target is brightness to this power; 0.5: where shot noise is even, dim parts count as much as bright ones"},
    {PLAIN(dataset.limit), .type = INT, .lo = 1, .hi = 1e8, .value = 0, .zero = "all", .doc = "training pictures used"},
    {PLAIN(dataset.memory_mib), .type = REAL, .lo = 1e-3, .hi = 1e9, .value = 0, .zero = "auto", .machine = true, .unit = "MiB", .doc = "decoded pictures kept in memory; more are read from a cache on disk; auto: a quarter of what is free"},
    {PLAIN_TEXT(dataset.cache), .type = PATH, .machine = true, .doc = "folder of the caches; empty: $XDG_CACHE_HOME/scopegrad or ~/.cache/scopegrad"},
    {PLAIN(dataset.augment), .type = BOOL, .value = 1, .doc = "flips, quarter turns and random crops of the sample"},
    {PLAIN(dataset.flips), .type = BOOL, .value = 1, .doc = "augmentation flips and turns; false: it only crops and shifts (digits)"},
    {PLAIN(dataset.shift_px), .type = INT, .unit = "px", .lo = 1, .hi = 4096, .value = 0, .zero = "any",
     .doc = "classes: augmentation shifts the crop by at most this from the centre; any: it lies anywhere inside the picture"},
    {PLAIN(dataset.edge), .type = ENUM, .names = "mirror zero", .doc = "what stands beyond the picture's edge, in the margin and after a shift"},
    {PLAIN(dataset.bin), .type = INT, .unit = "px", .lo = 1, .hi = 64, .value = 1, .doc = "classes: bin x bin pixels of the picture are averaged into one of the sample"},
    {PLAIN(dataset.unreadable), .type = ENUM, .names = "stop skip", .doc = "a picture, label or annotation that cannot be read: an error, or named and left out"},
    {PLAIN(dataset.folds), .type = INT, .lo = 3, .hi = 1000, .value = 0, .zero = "none", .doc = "cross-validation: parts by hash of the pictures' names"},
    {PLAIN(dataset.fold), .type = INT, .lo = 1, .hi = 1000, .value = 0, .zero = "seed", .doc = "the part that is the test split; the next one is validation, the rest trains; seed: part k for train.seed k, k + folds, ..."},
    {PLAIN_TEXT(dataset.classes), .type = TEXT, .doc = "names in the order of their numbers, between blanks or commas; others are left out; empty: those of the data, sorted"},
    {PLAIN_TEXT(dataset.labels), .type = PATH, .doc = "idx: file of the labels; empty: images-idx3 -> labels-idx1 in the path. classes, boxes: CSV name,label of the pictures"},
    {PLAIN_TEXT(dataset.name_column), .type = TEXT, .doc = "classes: column of the names in dataset.labels and dataset.splits; empty: name"},
    {PLAIN_TEXT(dataset.label_column), .type = TEXT, .doc = "classes: column of the classes in dataset.labels; empty: label"},
    {PLAIN_TEXT(dataset.split_column), .type = TEXT, .doc = "classes: column of train, validation (or val), test in dataset.splits; empty: split"},
    {PLAIN_TEXT(dataset.annotations), .type = PATH, .doc = "boxes: folder of the PASCAL VOC files, NAME.xml for each picture; empty: annotations/ in dataset.path"},
    {PLAIN_TEXT(dataset.box_class), .type = TEXT, .doc = "boxes: names of the boxes that are used, between blanks or commas; empty: all"},
    {PLAIN_TEXT(dataset.where), .type = TEXT, .doc = "classes: column=value; only such rows of dataset.labels are used"},
    {PLAIN(dataset.synthetic.count), .type = INT, .lo = 0, .hi = 1e4, .value = 20, .doc = "synthetic: cells per picture"},
    {PLAIN(dataset.synthetic.radius_um), .type = REAL, .unit = "um", .lo = .01, .hi = 1e4, .value = 6, .doc = "synthetic: mean radius"},
    {PLAIN(dataset.synthetic.radius_spread), .type = REAL, .lo = 0, .hi = .9, .value = .2, .doc = "synthetic: spread of the radius / mean"},
    {PLAIN(dataset.synthetic.overlap), .type = REAL, .lo = 0, .hi = 1, .value = .1, .doc = "synthetic: how far cells may overlap"},
    {PLAIN(dataset.synthetic.background), .type = REAL, .lo = 0, .hi = 1, .value = .1, .doc = "synthetic: brightness between the cells"},
    {PLAIN(dataset.synthetic.train), .type = INT, .lo = 1, .hi = 1e6, .value = 64, .doc = "synthetic: training pictures"},
    {PLAIN(dataset.synthetic.validation), .type = INT, .lo = 1, .hi = 1e6, .value = 16, .doc = "synthetic: validation pictures"},
    {PLAIN(dataset.synthetic.test), .type = INT, .lo = 1, .hi = 1e6, .value = 16, .doc = "synthetic: test pictures"},
    {PLAIN(dataset.synthetic.seed), .type = SEED, .value = 1, .doc = "synthetic: random numbers of the pictures"},

    {PLAIN(train.steps), .type = INT, .unit = "steps", .lo = 1, .hi = 1e8, .value = 300, .doc = "length of the training unless epochs is given"},
    {PLAIN(train.epochs), .type = INT, .unit = "epochs", .lo = 1, .hi = 1e6, .value = 0, .zero = "none", .doc = "length of the training in passes over the pictures"},
    {PLAIN(train.batch_size), .type = INT, .lo = 1, .hi = 4096, .value = 8, .doc = "pictures per step"},
    {PLAIN(train.seed), .type = SEED, .value = 1, .doc = "initial values, order, augmentation, noise"},
    {PLAIN(train.validate_every), .type = INT, .unit = "steps", .lo = 1, .hi = 1e8, .value = 50, .zero = "end", .doc = "between validations; end: only there"},
    {PLAIN(train.checkpoint_every), .type = INT, .unit = "steps", .lo = 1, .hi = 1e8, .value = 50, .zero = "end", .doc = "between checkpoints; end: only there"},
    {PLAIN(train.log_every), .type = INT, .unit = "steps", .lo = 1, .hi = 1e8, .value = 1, .doc = "between lines of log.csv"},
    {PLAIN_TEXT(train.weights), .type = PATH,
     .doc = "safetensors file to start from: every unet. tensor, and hardware if it has some (docs/formats.md); empty: random weights"},
    {PLAIN(train.norm_statistics), .type = ENUM, .names = "global local",
     .doc = "batch norm under mpirun: statistics of the whole batch, or of each rank's part of it"},
    {PLAIN(train.threads), .type = INT, .lo = 1, .hi = 1024, .value = 0, .zero = "all", .machine = true, .doc = "processor threads; the results do not depend on it"},

    {PLAIN(reconstruct.held_out), .type = REAL, .lo = 0, .hi = .9, .value = .1, .doc = "part of the LEDs, drawn by the seed, that the fit never sees"},
    {PLAIN(reconstruct.epochs), .type = INT, .unit = "epochs", .lo = 1, .hi = 1e6, .value = 20, .doc = "passes over the fitted LEDs"},
    {PLAIN(reconstruct.batch_leds), .type = INT, .lo = 1, .hi = SG_EXPOSURE_MAX, .value = SG_EXPOSURE_MAX, .doc = "LEDs a step"},
    {PLAIN(reconstruct.lr), .type = REAL, .lo = 0, .hi = 10, .value = .03, .doc = "learning rate of the sample's absorption and phase"},
    {PLAIN(reconstruct.floor), .type = REAL, .lo = 1e-9, .hi = 1, .value = 1e-4, .doc = "amplitudes sqrt(I + floor) are compared; 1: an empty field"},
    {PLAIN(reconstruct.stray_terms), .type = INT, .lo = 0, .hi = 8, .value = 4, .doc = "stray light: terms (NA / illumination NA)^(2 j), j from 0; 0: none"},
    {PLAIN(reconstruct.stray_lr), .type = REAL, .lo = 0, .hi = 1, .value = 3e-4, .doc = "learning rate of the stray light, in parts of an empty field"},
    {PLAIN(reconstruct.learn_pose), .type = LEARNT, .doc = "learn how the LED array stands: its shift (mm) and rotation (degrees), sampling exact"},
};
/* clang-format on */
const int sg_key_count = (int)(sizeof sg_keys / sizeof sg_keys[0]);

_Static_assert(sizeof(sg_pattern) == sizeof(unsigned), "SG_KEY_ENUM writes enums as unsigned");

bool sg_key_learnable(const sg_key *key)
{
    return key->learn != 0 || key->type == SG_KEY_LEARN;
}

static const char *const part_names[SG_PART_COUNT] = {"", "init", "learn", "lr"};

/* The part that `rest` names, ".lr"; SG_PART_COUNT if it is none of the row's. */
static sg_key_part part_of(const sg_key *key, const char *rest)
{
    if (!*rest) return SG_PART_WHOLE;
    if (*rest != '.' || !sg_key_learnable(key)) return SG_PART_COUNT;
    for (sg_key_part part = key->type == SG_KEY_LEARN ? SG_PART_LEARN : SG_PART_INIT; part < SG_PART_COUNT; part++)
        if (!strcmp(rest + 1, part_names[part])) return part;
    return SG_PART_COUNT;
}

const sg_key *sg_key_find(const char *path, sg_key_part *part)
{
    for (int i = 0; i < sg_key_count; i++) {
        const size_t length = strlen(sg_keys[i].path);
        if (strncmp(path, sg_keys[i].path, length) != 0) continue;
        *part = part_of(&sg_keys[i], path + length);
        if (*part != SG_PART_COUNT) return &sg_keys[i];
    }
    return NULL;
}

bool sg_key_is_section(const char *path)
{
    const size_t length = strlen(path);
    for (int i = 0; length && i < sg_key_count; i++)
        if (!strncmp(sg_keys[i].path, path, length) && sg_keys[i].path[length] == '.') return true;
    return false;
}

/* ---- the nearest key ---- */

enum { WORD_MAX = 63 };

int sg_edit_distance(const char *a, const char *b)
{
    int row[WORD_MAX + 1];
    const size_t a_len = strnlen(a, WORD_MAX), b_len = strnlen(b, WORD_MAX);
    for (size_t j = 0; j <= b_len; j++) row[j] = (int)j;
    for (size_t i = 1; i <= a_len; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_len; j++) {
            const int change = diagonal + (a[i - 1] != b[j - 1]);
            const int insert = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < insert ? change : insert;
        }
    }
    return row[b_len];
}

static const char *last_word(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

static const char *const section_names[] = {"sample",    "illumination", "optics", "camera", "network", "loss",
                                            "optimiser", "dataset",      "train",  "nn",     "sweep"};

const char *sg_key_suggest(const char *path)
{
    const int limit = (int)strnlen(path, WORD_MAX) / 3;
    int best = limit < 2 ? 2 : limit;
    const char *nearest = NULL;
    for (size_t i = 0; i < sizeof section_names / sizeof section_names[0]; i++) {
        const int distance = sg_edit_distance(path, section_names[i]);
        if (distance < best) best = distance, nearest = section_names[i];
    }
    for (int i = 0; i < sg_key_count; i++) {
        const int whole = sg_edit_distance(path, sg_keys[i].path);
        /* the right word in the wrong section */
        const int word = 1 + 2 * sg_edit_distance(last_word(path), last_word(sg_keys[i].path));
        const int distance = whole < word ? whole : word;
        if (distance < best) best = distance, nearest = sg_keys[i].path;
    }
    return nearest;
}

/* ---- reference page ---- */

static const char *const type_names[] = {"integer", "integer", "number", "true/false", "word",
                                         "text",    "path",    "list",   "true/false"};

static void print_range(FILE *out, const sg_key *key)
{
    char lo[32], hi[32];
    sg_number_text(lo, key->lo);
    sg_number_text(hi, key->hi);
    switch (key->type) {
    case SG_KEY_ENUM:
        for (const char *p = key->names; *p; p++) {
            if (*p == ' ')
                fputs(", ", out);
            else
                fputc(*p, out);
        }
        break;
    case SG_KEY_SEED: fputs("0..2^64-1", out); break;
    case SG_KEY_LIST: fprintf(out, "up to %zu of %s..%s", key->size, lo, hi); break;
    case SG_KEY_INT:
    case SG_KEY_REAL:
        if (key->zero) fprintf(out, "%s or ", key->zero);
        fprintf(out, "%s..%s", lo, hi);
        break;
    default: break;
    }
}

static const char page_head[] =
    "# Config keys\n\n"
    "A config is a YAML file of sections; what it leaves out has the default of this table, which is the main job "
    "(`scopegrad demo`). `--set optics.na=0.2` changes a key on\n"
    "the command line; `scopegrad info CONFIG` checks a file and prints every value a run would use. A learnable "
    "number is a "
    "number, or `{init: 0.1, learn: true, lr: 0.01}`; its\n"
    "parts are keys too (`optics.na.learn`). A `sweep` section (title, seeds, arms, reference, grid, random) is "
    "read by `scopegrad sweep`; see\n"
    "[experiments/learned_illumination](../experiments/learned_illumination).\n\n"
    "Made by `scopegrad info --keys > docs/config.md`; a test compares.\n\n"
    "| key | type | unit | range | default | meaning |\n| --- | --- | --- | --- | --- | --- |\n";

void sg_keys_print(FILE *out)
{
    sg_config config;
    sg_config_defaults(&config);
    fputs(page_head, out);
    for (int i = 0; i < sg_key_count; i++) {
        const sg_key *key = &sg_keys[i];
        fprintf(out, "| `%s` | %s%s | %s | ", key->path, type_names[key->type],
                sg_key_learnable(key) ? ", learnable" : "", key->unit ? key->unit : "");
        print_range(out, key);
        fputs(" | `", out);
        sg_key_write(out, &config, key, false);
        fprintf(out, "` | %s |\n", key->doc);
    }
}
