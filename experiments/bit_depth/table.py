#!/usr/bin/env python3
"""table.py ALL.h5 METRIC [REFERENCE]: the tables of README.md from `scopegrad collect`: for each dose, arms against bit
depth (or frames; without either, arms against dose), mean +- half the 95 % interval over seeds (t); and arm - reference, paired by seed, with the seeds that
favour the arm and the p of a paired t-test, corrected over the whole table (Holm)."""
import sys

import h5py
import numpy as np
import pandas as pd
from scipy import stats

metric, reference = sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "even"
with h5py.File(sys.argv[1]) as f:
    table = pd.DataFrame(f["table"][()])
table["arm"] = table["arm"].str.decode("utf-8")
across = next(k for k in ("camera.bit_depth", "camera.frames", "illumination.dose_ph") if k in table)
table["dose"] = table["illumination.dose_ph"] if across != "illumination.dose_ph" else 0
arms = list(dict.fromkeys(table["arm"]))
scores = {key: part.set_index("seed")[metric].sort_index()
          for key, part in table.groupby(["dose", across, "arm"])}
doses, values = sorted(set(table["dose"])), sorted(set(table[across]))


def half(x):
    return stats.t.ppf(0.975, len(x) - 1) * np.std(x, ddof=1) / np.sqrt(len(x)) if len(x) > 1 else np.nan


def print_table(title, cell):
    print(f"\n{title}\n\n| arm | " + " | ".join(f"{v:g}" for v in values) + " |")
    print("| --- |" + " --- |" * len(values))
    for arm in arms:
        row = [cell(arm, v) for v in values]
        if any(row):
            print(f"| {arm} | " + " | ".join(row) + " |")


def number(x, sign=""):
    return f"{x:{sign}.3f}".replace("0.", ".", 1)


def holm(p):
    order, out, largest = np.argsort(p), np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        out[i] = largest
    return out


tests = {}
for (dose, value, arm), x in scores.items():
    other = scores.get((dose, value, reference))
    if arm == reference or other is None:
        continue
    d = (x - other).dropna()
    tests[dose, value, arm] = (d.mean(), int((d > 0).sum()), len(d), stats.ttest_rel(x[d.index], other[d.index]).pvalue)
corrected = dict(zip(tests, holm(np.nan_to_num([t[3] for t in tests.values()], nan=1.0))))

for dose in doses:
    at = f", {dose:g} photons" if dose else ""

    def score(arm, value):
        x = scores.get((dose, value, arm))
        return "" if x is None else f"{number(x.mean())} ± {number(half(x))}"

    def difference(arm, value):
        t = tests.get((dose, value, arm))
        if t is None:
            return ""
        p = corrected[dose, value, arm]
        mark = "**" if p < 0.05 else ""
        return f"{mark}{number(t[0], '+')}{mark} ({t[1]} of {t[2]}, p {p:.2g})"

    print_table(f"{metric}{at}; columns: {across}", score)
    print_table(f"{metric}, arm - {reference}{at}", difference)
