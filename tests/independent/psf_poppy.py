"""Point spread functions of `scopegrad simulate` beside poppy's (pip install poppy): an aberrated circular pupil.
    python3 tests/independent/psf_poppy.py build/scopegrad
Prints the largest difference over the peak of each case; exits 1 if one is above 2 %: the rest is the pupil's edge
on bins. 77: no poppy."""
import pathlib
import subprocess
import sys
import tempfile

try:
    import astropy.units as u
    import h5py
    import numpy as np
    import poppy
    from PIL import Image
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SIZE, PITCH_UM, NA, WAVELENGTH_UM, CUT = 256, 0.2, 0.5, 0.53, 33
CASES = {"clear": [0], "astigmatism": [0, 0, 0, 0, 0.8], "coma": [0, 0, 0, 0, 0, 0, 0, 0.9],
         "defocus and sphere": [0, 0, 0, 1.2, 0, 0, 0, 0, 0, 0, -0.5]}


def ours(command, zernike_rad, folder):
    """The stage `psf`, centred, cut to CUT x CUT."""
    config = folder / "psf.yaml"
    config.write_text(
        f"sample: {{kind: incoherent, size_px: {SIZE}, pixel_um: {PITCH_UM}}}\n"
        f"optics: {{wavelength_um: {WAVELENGTH_UM}, na: {NA}, edge: smooth, zernike_rad: {zernike_rad}}}\n"
        f"camera: {{pixel_um: {PITCH_UM}}}\nnetwork: {{depth: 2}}\n")
    Image.fromarray(np.arange(SIZE * SIZE, dtype=np.uint32).astype(np.uint8).reshape(SIZE, SIZE)).save(folder / "in.png")
    subprocess.run([command, "simulate", config, "-i", folder / "in.png", "-o", folder / "out.h5"], check=True,
                   stdout=subprocess.DEVNULL)
    found = []
    with h5py.File(folder / "out.h5") as file:
        file.visititems(lambda name, item: found.append(item[()]) if name.split("/")[-1] == "psf"
                        and hasattr(item, "shape") else None)
    psf = np.asarray(found[0], float).reshape(SIZE, SIZE)
    psf = np.roll(psf, SIZE // 2, (0, 1)) if psf[0, 0] > psf[SIZE // 2, SIZE // 2] else psf
    half, middle = CUT // 2, SIZE // 2
    return psf[middle - half:middle + half + 1, middle - half:middle + half + 1]


def theirs(zernike_rad):
    """The same pixels by poppy: pupil of 2 m, 1 um light, so that an angle of NA x / lambda urad is x um."""
    system = poppy.OpticalSystem(npix=1024)
    system.add_pupil(poppy.CircularAperture(radius=1 * u.m))
    system.add_pupil(poppy.ZernikeWFE(radius=1, coefficients=[c / (2 * np.pi) * 1e-6 for c in zernike_rad]))
    scale = PITCH_UM * NA / WAVELENGTH_UM * 1e-6 * 180 / np.pi * 3600
    system.add_detector(pixelscale=scale, fov_pixels=CUT, oversample=1)
    return system.calc_psf(wavelength=1e-6)[0].data


def main():
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, zernike_rad in CASES.items():
            a, b = ours(sys.argv[1], zernike_rad, pathlib.Path(folder)), theirs(zernike_rad)
            a, b = a / a.sum(), b / b.sum()
            # poppy's rows run upwards or its phase has the other sign: one of the four turns is meant
            error = min(np.abs(a - t).max() for t in (b, b[::-1], b[:, ::-1], b[::-1, ::-1])) / b.max()
            print(f"{name}: {error:.1e} of the peak")
            worst = max(worst, error)
    return 0 if worst <= 0.02 else 1


if __name__ == "__main__":
    sys.exit(main())
