"""The light of our simulator beside chromatix, an independent wave optics library on JAX.

usage: python3 compare_chromatix.py SCOPEGRAD      (the program; needs chromatix, jax, numpy, h5py)
For each case the same sample goes through `scopegrad simulate --leds` and, LED by LED, through chromatix: plane wave,
sample, free space for slices and defocus, objective (two lenses in 4f, Zernike pupil between them). Prints the largest
difference over all LEDs and pixels relative to the brightest pixel; exit code 1 if one is above LIMIT. 77: no chromatix.
"""
import math
import os
import subprocess
import sys
import tempfile

LIMIT = 5e-6  # ours computes in 32-bit floats

try:
    import h5py
    import jax
    import numpy as np
    jax.config.update("jax_enable_x64", True)
    import chromatix.functional as cx
    from chromatix.utils import zernike_aberrations
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

N, D, WAVELENGTH, NA, FOCAL = 128, 0.25, 0.5, 0.25, 1e4  # um; the focal length drops out
TEXT = """
sample: {{size_px: 128, pixel_um: .25, phase_rad: 1.2, absorption: .2, background_rad: 0{sample}}}
illumination: {{rows: 5, columns: 5, pitch_na: .09, pattern: all}}
optics: {{wavelength_um: .5, na: .25{optics}}}
camera: {{pixel_um: 1}}
"""
FIFTEEN = [0.1, 0.2, -0.3, 0.4, 0.25, -0.15, 0.3, 0.1, -0.2, 0.15, 0.05, -0.1, 0.2, -0.05, 0.1]
CASES = {
    "in focus": {},
    "defocus 6 um": {"defocus": 6.0},
    "defocus -9 um, index 1.33": {"defocus": -9.0, "index": 1.33},
    "Zernike j = 1..15": {"zernike": FIFTEEN},
    "Zernike and defocus": {"zernike": FIFTEEN, "defocus": 4.0},
    "3 slices, 3 um apart": {"slices": 3, "step": 3.0},
    "3 slices, index 1.33, Zernike, defocus": {"slices": 3, "step": 2.0, "index": 1.33, "zernike": FIFTEEN, "defocus": -3.0},
}


def noll(j):
    """n and signed m of Noll's j: even j cosine (m > 0), odd j sine (m < 0)."""
    n, rest = 0, j - 1
    while rest > n:
        n += 1
        rest -= n
    m = (n % 2) + 2 * ((rest + ((n + 1) % 2)) // 2)
    return n, m if j % 2 == 0 else -m


def picture(channels):
    rng, f = np.random.default_rng(1), np.fft.fftfreq(N)
    low = np.exp(-2 * (1.5 * np.pi) ** 2 * (f[:, None] ** 2 + f[None] ** 2))
    x = np.fft.ifft2(np.fft.fft2(rng.standard_normal((channels, N, N))) * low).real
    return np.clip(0.5 + 2 * x, 0, 1)


def config_text(case):
    optics = "".join(f", {key}: {case[name]}" for key, name in
                     (("defocus_um", "defocus"), ("medium_index", "index"), ("zernike_rad", "zernike")) if name in case)
    slices = f", kind: slices, slices: {case['slices']}, slice_um: {case['step']}" if "slices" in case else ""
    return TEXT.format(sample=slices, optics=optics)


def ours(program, folder, case):
    """led_intensity (K, M, M), sample (S, N, N), directions (K, 2)"""
    names = [os.path.join(folder, name) for name in ("config.yaml", "in.npy", "out.h5")]
    with open(names[0], "w") as out:
        out.write(config_text(case))
    np.save(names[1], picture(case.get("slices", 1)).astype("<f4"))
    subprocess.run([program, "simulate", names[0], "-i", names[1], "-o", names[2], "--leds"], check=True)
    with h5py.File(names[2]) as file:
        return file["stages/led_intensity"][:], file["stages/sample"][:].astype(float), file["parameters/led_na"][:]


def zernike_phase(coefficients, index):
    """(N, N) rad. The odd shape is cut: an even one would be sampled half a number beside the field's own grid. In the very
    centre their sine terms are 0 / 0, so it comes from the rotationally symmetric ones."""
    def phase(terms):
        return np.array(zernike_aberrations((N + 1, N + 1), WAVELENGTH * FOCAL / index / (N * D), WAVELENGTH, index, FOCAL, NA,
                                            [(n * (n + 2) + m) // 2 for n, m, c in terms],
                                            [c * WAVELENGTH / (2 * math.pi) for n, m, c in terms]))[:N, :N]
    terms = [(*noll(j + 1), c) for j, c in enumerate(coefficients)]
    out = phase(terms)
    out[N // 2, N // 2] = phase([term for term in terms if term[1] == 0])[N // 2, N // 2]
    return out


def objective(field, case):
    index = case.get("index", 1.0)
    field = cx.ff_lens(field, FOCAL, index)
    field = cx.circular_pupil(field, 2 * FOCAL * NA / index * (1 + 1e-9))
    if "zernike" in case:
        field = cx.phase_change(field, zernike_phase(case["zernike"], index))
    return cx.ff_lens(field, FOCAL, index, inverse=True)


def free_space(field, distance, index):
    """Their remove_evanescent passes these waves on unchanged; ours drops them, and so does this mask."""
    kernel = cx.compute_asm_propagator(field, distance, index, remove_evanescent=True)
    f = np.fft.fftfreq(N, D)
    mask = f[:, None] ** 2 + f[None] ** 2 <= (index / WAVELENGTH) ** 2
    return cx.kernel_propagate(field, kernel * mask.reshape(kernel.shape))


def chromatix(g, direction, case):
    index = case.get("index", 1.0)
    bins = np.rint(direction * N * D / WAVELENGTH)  # (x, y): the nearest plane wave that repeats on the grid
    k = 2 * math.pi * bins[::-1] / (N * D)
    field = cx.plane_wave((N, N), D, WAVELENGTH, power=None, kykx=k)
    for s, slice_ in enumerate(g):
        if s:
            field = free_space(field, case["step"], index)
        field = cx.phase_change(cx.amplitude_change(field, np.exp(-0.2 * slice_)), 1.2 * slice_)
    if case.get("defocus"):
        field = free_space(field, case["defocus"], index)
    return np.abs(np.asarray(objective(field, case).u).squeeze()) ** 2


def main():
    worst = 0
    print("| case | LEDs | largest difference / brightest pixel |\n| --- | --- | --- |")
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            images, g, directions = ours(os.path.abspath(sys.argv[1]), folder, case)
        step = N // images.shape[-1]
        peer = np.stack([chromatix(g, d, case)[::step, ::step] for d in directions])
        error = np.abs(images - peer).max() / peer.max()
        worst = max(worst, error) if error == error else math.inf
        print(f"| {name} | {len(images)} | {error:.1e} |")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
