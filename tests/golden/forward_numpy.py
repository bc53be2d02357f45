"""Independent model of the light: picture -> images at the camera, in double precision, by the formulas of the physics notes.

usage: python3 forward_numpy.py forward.bin
Writes, for each case of tests/test_microscope.c in its order, a line "E C\n" and E*C*C little-endian doubles. Shares no code
with the program: every pupil value is evaluated on its own, images are summed LED by LED.
"""
import math
import sys

import numpy as np


def picture(n):
    return picture_at(*np.mgrid[0:n, 0:n])


def picture_at(y, x):
    return 0.5 + 0.25 * np.sin(0.31 * x + 0.17 * y) + 0.25 * np.cos(0.23 * y - 0.11 * x + 0.0013 * x * y)


def zernike(j, rho, theta):
    n, rest = 0, j - 1
    while rest > n:
        n += 1
        rest -= n
    m = (n % 2) + 2 * ((rest + ((n + 1) % 2)) // 2)
    radial = sum(
        (-1) ** s * math.factorial(n - s)
        / (math.factorial(s) * math.factorial((n + m) // 2 - s) * math.factorial((n - m) // 2 - s)) * rho ** (n - 2 * s)
        for s in range((n - m) // 2 + 1))
    if m == 0:
        return math.sqrt(n + 1) * radial
    return math.sqrt(2 * (n + 1)) * radial * (np.cos(m * theta) if j % 2 == 0 else np.sin(m * theta))


def covered(t, a, b):
    """Part of a rectangle, sides a and b along the normal of a line, below the line at distance t from its centre: the
    distribution of a sum of two uniform numbers, as second differences of a ramp."""
    a, b = np.maximum(np.abs(a), 1e-9), np.maximum(np.abs(b), 1e-9)
    ramp = lambda z: np.maximum(z, 0) ** 2 / 2
    return (ramp(t + (a + b) / 2) - ramp(t + (a - b) / 2) - ramp(t - (a - b) / 2) + ramp(t - (a + b) / 2)) / (a * b)


def edge(fx, fy, rho, c):
    if not c.get("smooth"):
        return rho <= 1
    r, bin_ = np.hypot(fx, fy), 1 / (c["n"] * c["d"])
    safe = np.where(r > 0, r, 1)
    return np.where(r > 0, covered(c["na"] / c["wavelength"] - r, fx / safe * bin_, fy / safe * bin_), 1)


def pupil(fx, fy, c):
    rho, theta, n = np.hypot(fx, fy) * c["wavelength"] / c["na"], np.arctan2(fy, fx), c["index"]
    phase = sum(a * zernike(j + 1, rho, theta) for j, a in enumerate(c["zernike"]))
    axial = np.sqrt(np.maximum((n / c["wavelength"]) ** 2 - fx ** 2 - fy ** 2, 0)) - n / c["wavelength"]
    return edge(fx, fy, rho, c) * np.exp(1j * phase + 2j * np.pi * c["defocus"] * axial)


def direction(x, y, c):
    """Direction sines at the sample, through a slide by bisection on the angle."""
    if c.get("pitch_na"):
        return -x, -y
    l, lo, hi = math.hypot(x, y), 0.0, math.pi / 2
    for _ in range(200):
        t = (lo + hi) / 2
        glass = math.asin(math.sin(t) / c["slide_index"])
        if c["height"] * math.tan(t) + c["slide"] * math.tan(glass) < l:
            lo = t
        else:
            hi = t
    s = math.sin(lo)
    return (-x / l * s, -y / l * s) if l else (0.0, 0.0)


def leds(c):
    pitch = c.get("pitch_na") or c["pitch_mm"]
    for r in range(c["rows"]):
        for q in range(c["columns"]):
            yield direction((q - (c["columns"] - 1) / 2) * pitch, (r - (c["rows"] - 1) / 2) * pitch, c)


def weights(c, s):
    lit = [[1.0 if c["lit"](e, sx, sy, c["na"]) else 0.0 for sx, sy in s] for e in range(c["exposures"])]
    return np.array(lit) / np.sum(lit)


def thick(c, bx, by):
    """Spectrum behind the last slice of a sample of several, on absolute frequencies: a tilted plane wave comes in."""
    n, d = c["n"], c["d"]
    y, x = np.mgrid[0:n, 0:n]
    f2 = np.fft.fftfreq(n, d)[:, None] ** 2 + np.fft.fftfreq(n, d)[None] ** 2
    axial = (c["index"] / c["wavelength"]) ** 2 - f2
    step = np.where(axial >= 0, np.exp(2j * np.pi * c["slice"] * np.sqrt(np.maximum(axial, 0))), 0)
    psi = np.exp(2j * np.pi * (bx * x + by * y) / n)
    for s in range(c["slices"]):
        g = picture_at(y, x + 17 * s)
        psi = (np.fft.ifft2(np.fft.fft2(psi) * step) if s else psi) * np.exp((1j * c["phase"] - c["absorption"]) * g)
    return np.fft.fft2(psi)


def colours(c):
    """One picture a wavelength: phases are those at c["wavelength"], one path for all; the colours share the dose."""
    list_ = c.get("colours", [c["wavelength"]])
    ratio = [c["wavelength"] / w for w in list_]
    each = [images(dict(c, wavelength=w, phase=c["phase"] * r, zernike=[z * r for z in c["zernike"]]))
            for w, r in zip(list_, ratio)]
    return np.concatenate(each) / len(list_)


def images(c):
    n, d = c["n"], c["d"]
    camera = round(n * d / c["pixel"])
    m = max(1, math.ceil(c["pixel"] * 4 * c["na"] / min(c.get("colours", [c["wavelength"]])) - 1e-9))
    size, g = m * camera, picture(n)
    spectrum = np.fft.fft2(np.exp(-c["absorption"] * g + 1j * c["phase"] * g))
    s = list(leds(c))
    w, out = weights(c, s), 0
    j = np.arange(-(size // 2), size - size // 2)
    for k, (sx, sy) in enumerate(s):
        fx, fy = sx / c["wavelength"], sy / c["wavelength"]
        bx, by = int(np.rint(fx * n * d)), int(np.rint(fy * n * d))
        if not c["exact"]:
            fx, fy = bx / (n * d), by / (n * d)
        vx, vy = np.meshgrid(j - bx, j - by)  # bins about -f_k
        window = pupil(vx / (n * d) + fx, vy / (n * d) + fy, c) * (
            thick(c, bx, by)[(vy + by) % n, (vx + bx) % n] if c.get("slices") else spectrum[vy % n, vx % n])
        u = np.fft.ifft2(np.fft.ifftshift(window)) * (size / n) ** 2
        out = out + w[:, k, None, None] * (np.abs(u) ** 2)[None]
    side = math.sqrt(c["fill"]) * c["pixel"]
    f = np.fft.fftfreq(size, n * d / size)
    out = np.fft.ifft2(np.fft.fft2(out) * np.sinc(f * side)[None, :, None] * np.sinc(f * side)[None, None, :]).real
    margin = round(c["margin"] * d / c["pixel"])
    return out[:, ::m, ::m][:, margin:camera - margin, margin:camera - margin]


BRIGHT = lambda e, sx, sy, na: math.hypot(sx, sy) <= na
ALL = lambda e, sx, sy, na: True
PAIR = lambda e, sx, sy, na: math.hypot(sx, sy) <= na and (sx < 0 if e else sx > 0)
FIFTEEN = [0.1, 0.2, -0.3, 0.4, 0.25, -0.15, 0.3, 0.1, -0.2, 0.15, 0.05, -0.1, 0.2, -0.05, 0.1]
CASES = [
    dict(n=64, d=0.5, margin=4, phase=1.0, absorption=0.05, rows=5, columns=5, pitch_na=0.04, lit=PAIR, exposures=2, exact=False,
         wavelength=0.53, na=0.1, index=1.0, defocus=20.0, zernike=[0.1, 0.2, -0.3, 0.4, 0.25, -0.15, 0.3, 0.1], pixel=1.0, fill=1.0),
    dict(n=64, d=0.25, margin=0, phase=0.8, absorption=0.3, rows=3, columns=5, pitch_mm=4.0, height=60.0, slide=1.0, slide_index=1.52,
         lit=ALL, exposures=1, exact=True, wavelength=0.5, na=0.25, index=1.33, defocus=-3.0, zernike=[0, 0, 0, 0, 0.3, 0, -0.2, 0, 0, 0, 0.4],
         pixel=1.0, fill=0.6),
    dict(n=48, d=0.25, margin=8, phase=-0.7, absorption=0.1, rows=3, columns=3, pitch_mm=4.0, height=60.0, slide=0.0, slide_index=1.0,
         lit=BRIGHT, exposures=1, exact=False, wavelength=0.5, na=0.3, index=1.0, defocus=5.0, zernike=[0.5], pixel=1.0, fill=0.25),
    dict(n=60, d=0.4, margin=0, phase=1.5, absorption=0.0, rows=4, columns=3, pitch_na=0.05, lit=ALL, exposures=1, exact=True,
         wavelength=0.6, na=0.15, index=1.0, defocus=8.0, zernike=[0, 0.7, 0, -0.5], pixel=0.8, fill=0.9),
    dict(n=64, d=0.5, margin=4, phase=1.0, absorption=0.05, rows=5, columns=5, pitch_na=0.04, lit=PAIR, exposures=2, exact=False,
         wavelength=0.53, na=0.1, index=1.0, defocus=20.0, zernike=FIFTEEN, pixel=1.0, fill=1.0, smooth=True),
    dict(n=60, d=0.4, margin=0, phase=1.5, absorption=0.0, rows=4, columns=3, pitch_na=0.05, lit=ALL, exposures=1, exact=True,
         wavelength=0.6, na=0.15, index=1.0, defocus=8.0, zernike=FIFTEEN, pixel=0.8, fill=0.9, smooth=True),
    dict(n=64, d=0.5, margin=4, phase=1.0, absorption=0.05, rows=5, columns=5, pitch_na=0.04, lit=PAIR, exposures=2, exact=False,
         wavelength=0.53, na=0.1, index=1.33, defocus=-6.0, zernike=FIFTEEN, pixel=1.0, fill=1.0, slices=3, slice=7.0),
    dict(n=64, d=0.5, margin=4, phase=1.0, absorption=0.05, rows=5, columns=5, pitch_na=0.04, lit=PAIR, exposures=2, exact=False,
         wavelength=0.53, na=0.1, index=1.0, defocus=20.0, zernike=FIFTEEN, pixel=1.0, fill=1.0, colours=[0.62, 0.53, 0.46]),
]

if __name__ == "__main__":
    with open(sys.argv[1], "wb") as out:
        for case in CASES:
            result = colours(case)
            out.write(b"%d %d\n" % result.shape[:2])
            out.write(result.astype("<f8").tobytes())
