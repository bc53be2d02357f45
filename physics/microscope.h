/* microscope.h - the whole physical layer, composed from ops: sample -> illumination -> optics -> pixels -> noise ->
 * ADC. The configuration structs below are plain data; pipeline/config fills them from YAML keys of the same names.
 * Lengths in micrometres in the sample plane, angles in radians. PHYSICS.md conventions throughout. */
#ifndef SG_PHYSICS_MICROSCOPE_H
#define SG_PHYSICS_MICROSCOPE_H

#include "core/graph.h"
#include "core/status.h"

enum {
    SG_ZERNIKE_MAX = 36,
    SG_EXPOSURE_MAX = 8,
    SG_FRAME_MAX = 256,
    SG_SLICE_MAX = 64,
    SG_COLOUR_MAX = 16,
    SG_PLANE_MAX = 16,
    SG_VIEW_MAX = 16,
    SG_TILE_MAX = 64,
    SG_BINNING_MAX = 16,
    SG_OVERLAP_MAX = 16,
    SG_DETECTOR_MAX = 4096,
    SG_DYES_TEXT_MAX = 256,
    SG_PATH_MAX = 1024
};
enum { SG_THRESHOLD_MAX = 255, SG_BIT_PATTERN_MAX = 16 };

/* A number that a user can make learnable: `learn: true, lr: 1e-2`. */
typedef struct sg_learn {
    bool on;
    double lr; /* learning rate of its own */
} sg_learn;

typedef enum sg_sample_kind {
    SG_SAMPLE_COHERENT,   /* picture g in [0,1] -> transmission exp(-a + i phi) */
    SG_SAMPLE_STACK,      /* measured stack: K images, one per LED, take the place of sample and optics */
    SG_SAMPLE_INCOHERENT, /* emission s >= 0, blurred by the PSF */
    SG_SAMPLE_SLICES,     /* thick: a picture for each slice, as coherent */
    SG_SAMPLE_COLOUR, /* transmitted intensity g_c in [0,1] of each colour: a_c = -ln(max(g_c, 1/255))/2 (Beer-Lambert),
                           * phase phase_rad times the mean of all g_c, and the background phase */
    SG_SAMPLE_FIELD,  /* measured amplitude A and phase in rad, two channels: t = A exp(i phi); A may exceed 1 */
} sg_sample_kind;

typedef struct sg_sample_config {
    sg_sample_kind kind;
    int size_px;     /* N: grid, margin included */
    int margin_px;   /* removed on each side after imaging (a multiple of camera pixel / sample pixel) */
    int slices;      /* slices: how many, the first one meets the light first */
    double pixel_um; /* d */
    double phase_rad, absorption, background_rad, correlation_um;
    double slice_um; /* slices: from one to the next; the focal plane is the last one */
    int volume_planes; /* incoherent: pictures of a volume, slice_um apart, first met by the light; their middle in focus */
    double depth_um; /* incoherent: every sample lies at another depth, uniform in +-depth_um, new in each epoch */
    char dyes[SG_DYES_TEXT_MAX];   /* incoherent: fluorophores, blanks between; one channel of emission each */
    char spectra_csv[SG_PATH_MAX]; /* their spectra; empty: built in (spectra.h) */
} sg_sample_config;

typedef enum sg_led_geometry { SG_LED_GRID, SG_LED_RINGS, SG_LED_CSV } sg_led_geometry;
typedef enum sg_led_sampling { SG_LED_SNAP, SG_LED_EXACT } sg_led_sampling;
typedef enum sg_pattern {
    SG_PATTERN_CENTER,
    SG_PATTERN_BRIGHTFIELD,
    SG_PATTERN_DARKFIELD,
    SG_PATTERN_ANNULUS,
    SG_PATTERN_HALF,
    SG_PATTERN_DPC,
    SG_PATTERN_OFF_AXIS,
    SG_PATTERN_ALL,
    SG_PATTERN_RANDOM,
    SG_PATTERN_CSV,
} sg_pattern;
typedef enum sg_levels { SG_LEVELS_CONTINUOUS, SG_LEVELS_BITS8, SG_LEVELS_ON_OFF } sg_levels;
typedef enum sg_light_constraint { SG_LIGHT_DOSE, SG_LIGHT_BOX } sg_light_constraint;

typedef struct sg_illumination_config {
    sg_led_geometry geometry;
    int rows, columns; /* grid */
    double pitch_mm, height_mm;
    double pitch_na;              /* > 0: the grid is regular in NA instead (pitch_mm, height_mm unused) */
    int rings;                    /* rings: 1 centre LED + ring r with 6 r LEDs at radius r pitch */
    char csv[SG_PATH_MAX];        /* csv: header with x_mm,y_mm or na_x,na_y; optional power */
    double slide_mm, slide_index; /* glass slide between array and sample; 0 mm: none */
    sg_led_sampling sampling;
    sg_pattern pattern;            /* starting (or fixed) weights */
    char pattern_csv[SG_PATH_MAX]; /* pattern csv: K rows, one column an exposure */
    int exposures;                 /* E; dpc has 2 */
    sg_light_constraint constraint;
    sg_levels levels; /* what the array can show: led_levels.c */
    double jitter;  /* 0..1: starting weights times uniform(1 - jitter, 1 + jitter): equal exposures would stay equal */
    double dose_ph; /* dose constraint: photons per camera pixel area at the sample per measurement */
    double flux_ph_per_s, exposure_s; /* box constraint: one LED at w = 1 */
    sg_learn learn;                   /* the weights */
    sg_learn learn_position;          /* LED positions (sampling exact only) */
} sg_illumination_config;

typedef enum sg_pupil_edge { SG_EDGE_HARD, SG_EDGE_SMOOTH } sg_pupil_edge;

/* What lies beyond the field in a blur. */
typedef enum sg_edge {
    SG_EDGE_PERIODIC, /* a b c d | a b c d | a b c d */
    SG_EDGE_REFLECT,  /* d c b a | a b c d | d c b a */
    SG_EDGE_ZERO,     /* 0 0 0 0 | a b c d | 0 0 0 0 */
} sg_edge;

typedef enum sg_psf_kind {
    SG_PSF_PUPIL,    /* |IDFT P|^2 */
    SG_PSF_GAUSSIAN, /* of psf_sigma_um */
    SG_PSF_AIRY,     /* these four: sg_psf_radial, in its order */
    SG_PSF_BORN_WOLF,
    SG_PSF_GIBSON_LANNI,
    SG_PSF_VECTORIAL,
    SG_PSF_MEASURED, /* these three: tables, scope_psf_table.c */
    SG_PSF_TAPS,
    SG_PSF_KERNEL,
} sg_psf_kind;
typedef enum sg_psf_kernel { SG_KERNEL_SMOOTH, SG_KERNEL_SHARPEN, SG_KERNEL_EDGE } sg_psf_kernel;
typedef enum sg_mask { SG_MASK_NONE, SG_MASK_CUBIC } sg_mask; /* scope_mask.c */

typedef struct sg_optics_config {
    double wavelength_um, na, medium_index, defocus_um, magnification;
    double colours_um[SG_COLOUR_MAX]; /* wavelengths, one picture each; rising or falling. None: wavelength_um alone */
    double planes_um[SG_PLANE_MAX]; /* focal planes, one picture each: their places are added to defocus_um. None: 0 */
    double
        filter_width_um[SG_COLOUR_MAX]; /* emission filters for dyes, around each of colours_um; one: all of a width */
    int colours_count, planes_count, filter_width_count;
    int psf_grid;  /* a side: PSFs at psf_grid x psf_grid places of the field, mixed bilinearly; 1: one for all */
    int psf_modes; /* of them: eigen-PSFs that stand for all, by singular value decomposition; 0: off */
    double field_curvature_um; /* of them: defocus in the corners of the field, with the square of the distance */
    sg_pupil_edge edge;
    sg_learn learn_filter;              /* centres and widths */
    double zernike_rad[SG_ZERNIKE_MAX]; /* Noll j = 1 .. zernike_count */
    int zernike_count;
    sg_learn learn_zernike, learn_defocus, learn_na; /* na: edge smooth only */
    sg_learn learn_amplitude, learn_phase;           /* per bin: sampling snap only */
    char pupil_file[SG_PATH_MAX]; /* measured pupil, or a phase mask: amplitude and phase per bin, scope_pupil_file.c */
    double pupil_file_na;         /* NA at the edge of its square; 0: its numbers are the bins of the image grid */
    double psf_sigma_edge_um;     /* gaussian on a psf_grid: sigma in the corners, with the square of the distance */
    double psf_sigma_um;          /* extra Gaussian blur of the intensity image; 0: none */
    sg_learn learn_psf_sigma;
    sg_psf_kind psf; /* incoherent samples */
    sg_edge psf_edge;
    sg_mask mask;
    sg_psf_kernel psf_kernel; /* kernel: sharpen and edge have negative taps; negative light counts as none */
    double mask_rad;          /* its strength */
    sg_learn learn_mask;
    /* gibson_lanni: depth of the particle below the coverslip; layers as they are and as the objective expects them */
    double specimen_um, specimen_index, coverslip_um, coverslip_index, coverslip_design_um, coverslip_design_index;
    double immersion_um, immersion_design_index; /* index 0: medium_index */
    sg_learn learn_specimen;
    char psf_file[SG_PATH_MAX]; /* measured: picture of a point, its pitch and the part used (0: all) */
    double psf_pixel_um;
    int psf_crop_px, psf_size_px; /* taps: side of the square of taps, which start as psf_sigma_um says */
    sg_learn learn_taps;
} sg_optics_config;

/* colours_um from blue to red. What red, green and blue mean (colour pictures as samples, the filters of a Bayer
 * camera) follows from it: the longest wavelength is red. */
static inline bool sg_colours_rise(const sg_optics_config *o)
{
    return o->colours_count > 1 && o->colours_um[0] < o->colours_um[1];
}

typedef enum sg_shot { SG_SHOT_NONE, SG_SHOT_POISSON, SG_SHOT_GAUSSIAN } sg_shot;
typedef enum sg_camera_preset {
    SG_PRESET_NONE,
    SG_PRESET_SCMOS,
    SG_PRESET_EMCCD,
    SG_PRESET_INDUSTRIAL_CMOS,
    SG_PRESET_SPAD,
    SG_PRESET_IDEAL,
} sg_camera_preset; /* camera_preset.c */
typedef enum sg_readout_kind { SG_READOUT_CHANNELS, SG_READOUT_DIFFERENCE, SG_READOUT_SUM } sg_readout_kind;
typedef enum sg_normalise { SG_NORMALISE_RANGE, SG_NORMALISE_STANDARD } sg_normalise;

typedef enum sg_binning { SG_BINNING_ON_CHIP, SG_BINNING_DIGITAL } sg_binning;
typedef enum sg_cfa { SG_CFA_NONE, SG_CFA_UNIFORM, SG_CFA_BAYER, SG_CFA_RANDOM, SG_CFA_FILE } sg_cfa;
typedef enum sg_detector_mask { SG_DETECTOR_RANDOM, SG_DETECTOR_HADAMARD, SG_DETECTOR_WALSH } sg_detector_mask;

typedef enum sg_camera_kind {
    SG_CAMERA_INTEGRATING, /* collects electrons, reads them, converts them */
    SG_CAMERA_SPAD,        /* counts the frames in which a pixel fired; physics/spad.h */
} sg_camera_kind;
typedef enum sg_adc_kind { SG_ADC_UNIFORM, SG_ADC_SOFT, SG_ADC_THRESHOLDS } sg_adc_kind; /* physics/adc.h */
typedef enum sg_adc_training { SG_ADC_TRAINING_HARD, SG_ADC_TRAINING_SOFT } sg_adc_training;
typedef enum sg_adc_start { SG_ADC_START_UNIFORM, SG_ADC_START_QUANTILES } sg_adc_start;

typedef struct sg_camera_config {
    double pixel_um; /* d_c magnification: the camera's own pixel; at magnification 1 the pixel in the sample plane */
    double fill_factor; /* area ratio, 0 .. 1; 0: points */
    /* pixels: scope_pixels.c */
    int binning; /* 0: none; b: squares of b x b pixels, as electrons before read noise or as the mean of ADU */
    sg_binning binning_kind;
    /* several cameras: shifts in the sample plane; the field is periodic, shifts beyond the margin meet its other
     * side */
    double view_x_um[SG_VIEW_MAX], view_y_um[SG_VIEW_MAX];
    double view_pitch[SG_VIEW_MAX]; /* their pixels in pixels of the finest; none: all 1 */
    int view_x_count, view_y_count, view_pitch_count;
    sg_learn learn_view;
    double small_fill_factor; /* 0: one size; else that of the pixels where small_tile is 1 */
    double small_tile[SG_TILE_MAX];
    int small_tile_count;                       /* side^2; 0: a checkerboard */
    sg_cfa cfa;                                 /* colour filter array: starting transmissions */
    int cfa_tile_px;                            /* 0: 2 for bayer, else 4 */
    double cfa_transmission[3 * SG_COLOUR_MAX]; /* bayer: red, green, blue filter, at every colour; none: one each */
    int cfa_transmission_count;
    char cfa_file[SG_PATH_MAX];
    sg_learn learn_cfa;
    double exposure_mask[SG_TILE_MAX]; /* transmission of a square tile, row by row */
    int exposure_mask_count;           /* side^2; 0: none */
    sg_learn learn_exposure_mask;
    int overlap_fields; /* 0: one field of view */
    int detectors;      /* 0: a sensor of pixels; D: so many detectors, each behind a mask over the field */
    sg_detector_mask detector_mask;
    sg_learn learn_detector_mask;
    double qe, background_e, dark_e_per_s, exposure_s, full_well_e, read_noise_e;
    double em_gain; /* electron multiplication; 0: none */
    sg_camera_preset preset;
    /* pixels that differ: scope_maps.c. Files hold the relative sensitivity (1 on average), electrons a second,
     * electrons rms, electrons; one larger than the sensor is cut at (map_row_px, map_column_px) */
    char prnu_map[SG_PATH_MAX], dark_map[SG_PATH_MAX], read_noise_map[SG_PATH_MAX], dsnu_map[SG_PATH_MAX];
    int map_row_px, map_column_px;
    double prnu, dsnu_e;              /* rms of drawn maps */
    double hot_fraction, hot_e_per_s; /* hot pixels: their part, mean of their additional dark current */
    uint64_t sensor_seed;
    sg_learn learn_prnu, learn_dark, learn_dsnu, learn_offset;
    double gain_e_per_adu; /* > 0: range_e = gain_e_per_adu (2^b - 1), whatever range_e says */
    sg_shot shot;
    int bit_depth;  /* 0: no ADC (for tests); 1..16 */
    double range_e; /* gain_e_per_adu = range_e / (2^b - 1); 0: starts at twice the electrons of an even share of the
                                 * light (to be tuned: it is the parameter camera.adc.range_e) */
    double offset_adu;
    sg_learn learn_range;
    sg_readout_kind readout;
    sg_normalise normalise; /* channels = R (adu - offset) gain / range, then optionally standardised per image */
    /* ADC and counting: scope_adc.c */
    sg_camera_kind kind;
    int frames;                       /* spad: one-bit frames of an exposure */
    double dark_counts;               /* spad: mean dark counts of a frame */
    char dark_count_map[SG_PATH_MAX]; /* spad: the same for each pixel, from a file */
    sg_adc_kind adc;
    sg_adc_training adc_training;             /* thresholds: what training sees; evaluation is hard */
    double adc_width_start, adc_width_end;    /* soft, thresholds: width of the gradient's step, in even steps */
    double adc_threshold_e[SG_THRESHOLD_MAX]; /* thresholds: 2^bit_depth - 1 of them; none: adc_start places them */
    int adc_threshold_count;
    sg_adc_start adc_start;
    sg_learn learn_threshold, learn_level, learn_weight;
    double bit_pattern[SG_BIT_PATTERN_MAX]; /* m numbers: pixel (x, y) has bits [(x + y floor(sqrt m)) mod m] */
    int bit_pattern_count;                  /* m; 0: all pixels have bit_depth bits */
    char bit_map[SG_PATH_MAX];              /* thresholds: bits of every pixel, from a file */
    bool adc_per_pixel;                     /* thresholds and levels of its own for every pixel */
} sg_camera_config;

/* How a file of numbers becomes a map: *out (height, width), sg_alloc. Errors name the file. physics/ reads no pictures
 * itself; pipeline/map_file.c is the reader of the program. */
typedef sg_status (*sg_map_reader)(float **out, int *height, int *width, const char *path);

/* How a file becomes a measured pupil. Square, `px` numbers a side, the axis in number px/2 of px/2 (counted from 0).
 * One page: phase in rad. Two: amplitude, phase; or real and imaginary part if `is_complex`. *out is sg_alloc'ed. */
typedef struct sg_pupil_table {
    int px, pages;
    bool is_complex;
    float *value; /* (pages, px, px) */
} sg_pupil_table;
typedef sg_status (*sg_pupil_reader)(sg_pupil_table *out, const char *path);

/* The same for a file of several pages of one size: *out (pages, height, width). */
typedef sg_status (*sg_pages_reader)(float **out, int *pages, int *height, int *width, const char *path);

typedef struct sg_microscope_config {
    sg_sample_config sample;
    sg_illumination_config illumination;
    sg_optics_config optics;
    sg_camera_config camera;
    sg_map_reader read_map;     /* NULL: maps in files are refused */
    sg_pupil_reader read_pupil; /* NULL: pupils in files are refused; pipeline/map_file.c */
    sg_pages_reader read_pages; /* NULL: PSFs of many places in a file are refused */
} sg_microscope_config;

/* One stage of the light's way, for simulate and for reading out; (n, frames, h, w) unless the name says otherwise. */
typedef struct sg_stage {
    const char *name, *unit, *long_name; /* "pixels", "1", "intensity integrated over each pixel" */
    double pixel_um;                     /* pitch in the sample plane; 0: not a picture of the field */
    sg_value value;
} sg_stage;

/* Stages in the order of the light; those that a configuration has not are left out:
 *   sample        what enters
 *   transmission  (n, colours, N, N) complex
 *   psf           (1, planes colours, h, w)
 *   filtered      (n, colours, h, w) emission of all dyes that each filter passes
 *   image         (n, light_frames, M, M) intensity, empty field = sum of w inside the pupil
 *   pixels        (n, frames, C', C') light on each pixel that is read, margin removed; a row of detectors if there are
 *   electrons     (n, frames, C', C') the camera without ADC on the same random numbers (only built when asked)
 *   adu           (n, frames, C, C)
 *   channels      (n, channels, C, C) what the network sees */
enum { SG_STAGE_MAX = 24 };
typedef struct sg_microscope_stages {
    sg_stage list[SG_STAGE_MAX];
    int count;
} sg_microscope_stages;
/* SG_NONE if there is none of this name. */
sg_value sg_stage_value(const sg_microscope_stages *stages, const char *name);

/* What follows from the configuration. */
typedef struct sg_microscope_size {
    int sample_px;          /* N */
    int image_px;           /* M = m C */
    int oversample;         /* m */
    int camera_px;          /* C before margin removal */
    int output_px;          /* after it and after binning: what the network sees */
    int sensor_h, sensor_w; /* what the ADC reads: output_px, finer before digital binning, 1 x D detectors */
    int sample_channels;    /* of what enters: 1; a stack has one picture a LED, slices one each */
    int leds, exposures, colours, planes;
    int light_frames; /* L: pictures before the sensor, l = (plane * colours + colour) * exposures + exposure */
    int frames;       /* pictures that the camera takes, exposures innermost */
    int channels;     /* what the network sees: frames, or frames / exposures when read out as difference or sum */
    int views;        /* cameras */
    double camera_pitch_um; /* d_c in the sample plane */
    double output_pitch_um; /* of what the network sees: after binning */
    double psf_error;       /* of psf_modes: Frobenius norm of what is left out over that of all PSFs */
    double bits;            /* that the sensor reads out for one measurement; 0: no ADC */
} sg_microscope_size;

/* Checks the configuration (ranges, sampling, grid) and computes the sizes. Error texts start with the key,
 * "camera.pixel_um: ...", and name the pitch that would do. */
sg_status sg_microscope_check(sg_microscope_size *out, const sg_microscope_config *config);

/* The weights that light the LEDs, (1,1,colours E,K) after illumination.levels: parameter microscope.led.weight.
 * SG_E_CONFIG in the graph: an incoherent sample, which has no LEDs. */
sg_value sg_microscope_light(sg_graph *g, const sg_microscope_config *config);

/* Several colours: LED weights have one row for each colour and exposure, so that one dose is shared by all of them.
 * Phases are those at wavelength_um: the sample's phase and the Zernike coefficients of colour c are wavelength_um /
 * colours_um[c] times as large (one path difference for all wavelengths). Several focal planes: every plane is a
 * capture of its own, and the dose of one measurement is split evenly over them. Colours of an incoherent sample
 * share the dose evenly, too, in turn or through camera.cfa at once; of dyes that camera.cfa takes at once, filters
 * pass their parts.
 *
 * sample: (n, sample_channels, N, N): picture in [0,1] (coherent), emission (incoherent), (n,K,C,C) stack. Returns
 * channels.
 * Parameters: microscope.led.weight (1,1,colours E,K), microscope.led.power (1,1,1,K), microscope.led.position
 * (1,1,K,2) [exact], microscope.pupil.zernike (1,1,1,J), microscope.pupil.defocus_um, microscope.pupil.na,
 * microscope.pupil.amplitude, microscope.pupil.phase (1,colours,M,M), microscope.psf.sigma_um, camera.adc.range_e,
 * camera.view.shift_um (1,1,V,2), camera.cfa (1,colours,t,t), camera.exposure_mask (1,1,t,t), camera.detector.mask
 * (1,D,C,C), camera.adc.threshold (1,1,R,T), camera.adc.level (1,1,R,T+1), camera.adc.row and
 * camera.adc.weight (1,1,h,w), R = 1, depths or pixels [adc thresholds]; camera.spad.frames, camera.spad.dark_counts
 * [kind spad]. `out` may be NULL. */
sg_value sg_microscope(sg_graph *g, sg_value sample, const sg_microscope_config *config, bool want_electrons,
                       sg_microscope_stages *out);

/* Where the light can come in instead of at the sample: "sample", "image", "pixels" or "electrons", each with the shape
 * of the stage of that name. */
typedef enum sg_entry_stage {
    SG_ENTRY_SAMPLE,
    SG_ENTRY_IMAGE,
    SG_ENTRY_PIXELS,
    SG_ENTRY_ELECTRONS,
    SG_ENTRY_COUNT
} sg_entry_stage;
extern const char *const sg_entry_name[SG_ENTRY_COUNT];
sg_shape sg_entry_shape(const sg_microscope_size *size, sg_entry_stage entry, int n);

/* The rest of the way: as sg_microscope, but `value` is what stands at `entry`. */
sg_value sg_microscope_from(sg_graph *g, sg_entry_stage entry, sg_value value, const sg_microscope_config *config,
                            bool want_electrons, sg_microscope_stages *out);

/* Where an LED array stands beside its description: LED k at R(rotation) p_k + shift, `height_mm` above. What learns
 * is a parameter (sampling exact). */
typedef struct sg_led_pose_start {
    double shift_x_mm, shift_y_mm, rotation_deg, height_mm; /* rotation from +x to +y, which is down */
    sg_learn learn, learn_height;                           /* learn: shift (mm) and rotation (degrees) */
} sg_led_pose_start;

/* Pictures of a thin sample, transmission (1,1,N,N) complex, each under one LED alone: (1,count,C,C), count <=
 * SG_EXPOSURE_MAX, C = size.output_px. The LEDs are data, so that one plan serves all: inputs led.weight
 * (1,1,count,count), the identity (a row of zeros: a place left empty), led.power (1,1,1,count), led.position_mm
 * (1,1,count,2) (x, y), led.bin (1,1,count,2) (y, x) = their frequencies on the bins of the field, nearest. Parameters:
 * those of the pupil, and with sampling exact microscope.led.shift_mm (1,1,1,2), .rotation_deg, .height_mm. */
sg_value sg_microscope_leds(sg_graph *g, sg_value transmission, const sg_microscope_config *config, int count,
                            const sg_led_pose_start *start);

#endif
