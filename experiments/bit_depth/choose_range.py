#!/usr/bin/env python3
"""choose_range.py ALL.h5 METRIC: for each bit depth and dose the range of an even ADC whose runs have the best mean
validation score (of the best step of each run), as the list of a sweep file: [bits, photons, electrons]. Test scores are
not looked at."""
import collections
import sys

import h5py

scores = collections.defaultdict(lambda: collections.defaultdict(list))
with h5py.File(sys.argv[1]) as f:
    for row in f["table"][()]:
        bits, dose, range_e = (row[k] for k in ("camera.bit_depth", "illumination.dose_ph", "camera.range_e"))
        curve = f[f"runs/{row['id'].decode()}/curve/validation/{sys.argv[2]}"][()]
        scores[int(bits), float(dose)][float(range_e)].append(float(curve.max()))
means = {key: {r: sum(v) / len(v) for r, v in by_range.items()} for key, by_range in scores.items()}
best = {key: max(sorted(by_range), key=by_range.get) for key, by_range in means.items()}
for key, by_range in sorted(means.items()):
    row = "  ".join(f"{r:g}: {m:.3f}{'*' if r == best[key] else ''}" for r, m in sorted(by_range.items()))
    print(f"{key[0]} bits, {key[1]:g} photons   {row}", file=sys.stderr)
print("[" + ", ".join(f"[{bits}, {dose:g}, {best[bits, dose]:g}]" for bits, dose in sorted(best)) + "]")
