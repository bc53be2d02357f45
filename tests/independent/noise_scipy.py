"""Counts of our camera beside scipy's distributions.

usage: python3 noise_scipy.py SCOPEGRAD      (the program; needs scipy, numpy, h5py)
A black sample behind a sensor whose stray light gives every one of 512 x 512 pixels the mean `mu`: electrons of
`scopegrad simulate` against Poisson (7 means), the sum of Gamma over Poisson (EM register), counts of single-photon
pixels against the binomial. Chi-square over cells that expect at least 20; prints p of each; exit code 1 if one is
below 1e-3. 77: no scipy.
"""
import os
import struct
import subprocess
import sys
import tempfile
import zlib

try:
    import h5py
    import numpy as np
    from scipy import stats
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SIDE, LEAST, EM_GAIN, FRAMES = 512, 20, 30, 40


def black_png(path):
    rows = b"".join(b"\0" + bytes(SIDE) for _ in range(SIDE))
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def simulate(program, folder, stage, camera):
    config, picture, out = (os.path.join(folder, name) for name in ("c.yaml", "black.png", "out.h5"))
    black_png(picture)
    with open(config, "w") as f:
        f.write(f"sample: {{kind: incoherent, size_px: {SIDE}, pixel_um: .5}}\n"
                f"camera: {{pixel_um: .5, read_noise_e: 0, full_well_e: 1e7, {camera}}}\n")
    subprocess.run([program, "simulate", config, "-i", picture, "-o", out], check=True)
    with h5py.File(out) as f:
        return f[f"stages/{stage}"][()].ravel().astype(float)


def p_value(counts, expected):
    """Neighbouring cells are joined until each expects LEAST."""
    seen, wanted, total = [], [], [0, 0.0]
    for c, e in zip(counts, expected):
        total = [total[0] + c, total[1] + e]
        if total[1] >= LEAST:
            seen.append(total[0])
            wanted.append(total[1])
            total = [0, 0.0]
    seen[-1] += total[0]
    wanted[-1] += total[1]
    return stats.chisquare(seen, np.array(wanted) * sum(seen) / sum(wanted)).pvalue


def discrete(values, distribution):
    top = int(values.max())
    cells = np.arange(top + 1)
    expected = distribution.pmf(cells) * values.size
    expected[-1] += distribution.sf(top) * values.size
    return p_value(np.bincount(values.astype(int), minlength=top + 1), expected)


def gained(values, mu):
    """P(x) = sum_k Poisson(k) Gamma(x; k, EM_GAIN), 0 for k = 0; cells of equal width, the first one is 0 alone."""
    edges = np.linspace(0, np.quantile(values, .9999), 200)
    k = np.arange(1, int(mu + 12 * mu ** .5 + 30))
    cdf = (stats.poisson.pmf(k, mu)[:, None] * stats.gamma.cdf(edges[None], k[:, None], scale=EM_GAIN)).sum(0)
    zero = stats.poisson.pmf(0, mu)
    expected = np.concatenate([[zero], np.diff(cdf), [1 - zero - cdf[-1]]]) * values.size
    positive = values[values > 0]
    counts = np.concatenate([[values.size - positive.size], np.histogram(positive, edges)[0], [(positive > edges[-1]).sum()]])
    return p_value(counts, expected)


def main():
    program, worst = os.path.abspath(sys.argv[1]), 1.0
    print("| counts | p |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for mu in (.05, .3, 1, 5, 30, 200, 1e4):
            p = discrete(simulate(program, folder, "electrons", f"background_e: {mu}"), stats.poisson(mu))
            print(f"| Poisson, mean {mu:g} | {p:.3f} |")
            worst = min(worst, p)
        for mu in (.5, 5):
            p = gained(simulate(program, folder, "electrons", f"background_e: {mu}, em_gain: {EM_GAIN}"), mu)
            print(f"| EM register, mean {mu:g}, gain {EM_GAIN} | {p:.3f} |")
            worst = min(worst, p)
        for mu in (.4, 8, 80):
            values = simulate(program, folder, "adu", f"background_e: {mu}, kind: spad, frames: {FRAMES}")
            p = discrete(values, stats.binom(FRAMES, -np.expm1(-mu / FRAMES)))
            print(f"| {FRAMES} one-bit frames, mean {mu:g} | {p:.3f} |")
            worst = min(worst, p)
    sys.exit(0 if worst > 1e-3 else 1)


main()
