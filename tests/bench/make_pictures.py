#!/usr/bin/env python3
"""make_pictures.py - a folder of made-up 16-bit TIFFs with masks, for the loader's benchmarks.

usage: make_pictures.py FOLDER COUNT SIDE [--deflate]

Smooth structure with shot noise below images/, 8-bit masks of numbered cells below labels/, all in splits.csv; the last
two are for validation and test.
"""
import pathlib
import sys

import numpy as np
import tifffile


def picture(rng, side):
    field, label = np.full((side, side), 2000, np.float32), np.zeros((side, side), np.uint8)
    for number in range(1, 40):
        r = int(rng.uniform(.02, .05) * side) + 1
        y, x = rng.integers(0, side - 4 * r, 2)
        d = np.hypot(*np.mgrid[-2:2:4 * r * 1j, -2:2:4 * r * 1j]).astype(np.float32)
        field[y:y + 4 * r, x:x + 4 * r] += np.float32(rng.uniform(3000, 9000)) * np.exp(-d ** 4)
        label[y:y + 4 * r, x:x + 4 * r][d < 1] = number
    noise = rng.standard_normal((side, side), np.float32) * np.sqrt(field)
    return np.clip(field + noise, 0, 65535).astype(np.uint16), label


def main():
    folder, count, side = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    compression = {"compression": "zlib"} if "--deflate" in sys.argv else {}
    rng = np.random.default_rng(1)
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    lines = ["name,split"]
    for i in range(count):
        for kind, plane in zip(("images", "labels"), picture(rng, side)):
            tifffile.imwrite(folder / kind / f"p{i:04d}.tif", plane, **compression)
        lines.append(f"p{i:04d}," + ("test" if i == count - 1 else "validation" if i == count - 2 else "train"))
    (folder / "splits.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
