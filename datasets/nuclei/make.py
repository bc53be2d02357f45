#!/usr/bin/env python3
"""Makes the built-in nuclei from the Data Science Bowl 2018 pictures: python3 make.py SOURCE

SOURCE holds images.csv (image,width,height,n_nuclei,...,fg_fraction), images/*.png (RGBA, R = G = B), labels/*.png (16-bit instances)
and LICENSE.README.rst beside or above it. Needs NumPy and Pillow; optipng makes the files smaller where it is installed.

1. Candidates: 256 x 256 pixels, 3 to 255 nuclei, at least 1.5 % foreground (nearly empty fields teach nothing).
2. Shuffled with a fixed seed; taken in that order, whatever their size, until BUDGET bytes are used.
3. Each picture is clipped to its 1st..99.8th percentile and rounded to 48 grey levels (0, 5, ... 235): the rounding error is
   0.6 % rms of the range, far below the noise of the simulated camera, and makes the files a third smaller. Labels: 8-bit instances.
4. Split by position in the shuffled order: 65 % train, 15 % validation, 20 % test; written to splits.csv.
"""
import csv
import os
import random
import shutil
import subprocess
import sys

import numpy as np
from PIL import Image

BUDGET = 3 * 1024 * 1024 - 48 * 1024  # the rest: licence, README, splits.csv, this script
SEED = 2018
HERE = os.path.dirname(os.path.abspath(__file__))


def candidates(source):
    with open(os.path.join(source, "images.csv"), newline="") as f:
        rows = [r for r in csv.DictReader(f) if (r["width"], r["height"]) == ("256", "256")]
    return sorted(r["image"] for r in rows if float(r["fg_fraction"]) >= 0.015 and 3 <= int(r["n_nuclei"]) <= 255)


def picture(path):
    a = np.asarray(Image.open(path).getchannel(0), float)
    lo, hi = np.percentile(a, [1, 99.8])
    return (np.round(np.clip((a - lo) / (hi - lo), 0, 1) * 47) * 5).astype(np.uint8)


def save(array, path):
    Image.fromarray(array).save(path, "PNG", optimize=True)
    if shutil.which("optipng"):
        subprocess.run(["optipng", "-quiet", "-o4", "-nb", "-nc", "-np", "-strip", "all", path], check=True)
    return os.path.getsize(path)


def copy_licence(source):
    for folder in (source, os.path.dirname(os.path.abspath(source))):
        path = os.path.join(folder, "LICENSE.README.rst")
        if os.path.exists(path):
            shutil.copyfile(path, os.path.join(HERE, "LICENSE.README.rst"))
            return
    sys.exit("LICENSE.README.rst is missing")


def main(source):
    names = candidates(source)
    random.Random(SEED).shuffle(names)
    for kind in ("images", "labels"):
        shutil.rmtree(os.path.join(HERE, kind), ignore_errors=True)
        os.makedirs(os.path.join(HERE, kind))
    used, taken = 0, []
    for name in names:
        short = name[:12]
        files = [os.path.join(HERE, kind, short + ".png") for kind in ("images", "labels")]
        size = save(picture(os.path.join(source, "images", name + ".png")), files[0])
        size += save(np.asarray(Image.open(os.path.join(source, "labels", name + ".png"))).astype(np.uint8), files[1])
        if used + size > BUDGET:
            for file in files:
                os.remove(file)
            break
        used += size
        taken.append(short)
    train, validation = round(0.65 * len(taken)), round(0.8 * len(taken))
    split = ["train"] * train + ["validation"] * (validation - train) + ["test"] * (len(taken) - validation)
    with open(os.path.join(HERE, "splits.csv"), "w") as f:
        f.write("name,split\n" + "".join(f"{n},{s}\n" for n, s in sorted(zip(taken, split))))
    copy_licence(source)
    print(f"{len(taken)} pictures of {len(names)} candidates, {used} bytes;",
          ", ".join(f"{s} {split.count(s)}" for s in ("train", "validation", "test")))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
