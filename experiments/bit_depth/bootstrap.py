#!/usr/bin/env python3
"""bootstrap.py ALL.h5 [REFERENCE]: how sure are the scores of few pictures? For each dose, arms against bit depth: balanced
accuracy over all test predictions (of every seed or fold), with its 95 % interval over pictures, and arm - reference with
its own. A picture is drawn with all that every arm said of it, so differences are paired; 2,000 draws, seed 0."""
import sys

import h5py
import numpy as np
import pandas as pd

reference = sys.argv[2] if len(sys.argv) > 2 else "even"
parts = []
with h5py.File(sys.argv[1]) as f:
    for row in f["table"][()]:
        told = f[f"runs/{row['id'].decode()}/metrics/per_image"]
        parts.append(pd.DataFrame({
            "dose": row["illumination.dose_ph"], "bits": row["camera.bit_depth"], "arm": row["arm"].decode(),
            "picture": told["name"].asstr()[()], "truth": told["truth"][()], "right": told["truth"][()] == told["predicted"][()]}))
told = pd.concat(parts)
told["picture"] = told["picture"].astype("category")
arms = list(dict.fromkeys(told["arm"]))
pictures, classes = len(told["picture"].cat.categories), told["truth"].max() + 1
draws = np.random.default_rng(0).multinomial(pictures, np.full(pictures, 1 / pictures), size=2000)
draws = np.vstack([np.ones(pictures), draws])  # the first row: as measured


def balanced_accuracy(part):  # of every draw: counts of each picture and class, weighted by how often it was drawn
    all_, right = np.zeros((pictures, classes)), np.zeros((pictures, classes))
    np.add.at(all_, (part["picture"].cat.codes, part["truth"]), 1)
    np.add.at(right, (part["picture"].cat.codes, part["truth"]), part["right"])
    with np.errstate(invalid="ignore"):  # a draw may miss a class: the mean is over those that it has
        return np.nanmean((draws @ right) / (draws @ all_), axis=1)


def cell(x, sign=""):
    low, high = np.percentile(x[1:], [2.5, 97.5])
    text = f"{x[0]:{sign}.3f} ({low:{sign}.3f} .. {high:{sign}.3f})".replace("0.", ".")
    return f"**{text}**" if sign and low * high > 0 else text


scores = {key: balanced_accuracy(part) for key, part in told.groupby(["dose", "bits", "arm"])}
doses, bits = sorted(set(told["dose"])), sorted(set(told["bits"]))
print(f"{pictures} pictures")
for dose in doses:
    for title, rows, sign in (("balanced accuracy", arms, ""), (f"arm - {reference}", [a for a in arms if a != reference], "+")):
        print(f"\n{title}, {dose:g} photons; columns: bits\n\n| arm | " + " | ".join(f"{b:g}" for b in bits) + " |")
        print("| --- |" + " --- |" * len(bits))
        for arm in rows:
            base = (lambda b: scores[dose, b, reference]) if sign else (lambda b: 0)
            print(f"| {arm} | " + " | ".join(cell(scores[dose, b, arm] - base(b), sign) for b in bits) + " |")
