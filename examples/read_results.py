"""The mean of every metric over the seeds of a sweep, and what its best run has learned: python3 read_results.py all.h5"""
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1]) as f:
    table = f["table"][()]                                      # one row a run
    key, metric = table.dtype.names[2], sys.argv[2] if len(sys.argv) > 2 else "loss"
    print("arm ", key, metric, "runs")
    for arm in np.unique(table["arm"]):
        for value in np.unique(table[key][table["arm"] == arm]):
            rows = table[(table["arm"] == arm) & (table[key] == value)]
            print(arm.decode(), "", value, np.nanmean(rows[metric]), len(rows))
    best = table[np.nanargmin(table["loss"])]
    run = f["runs"][best["id"].decode()]                        # everything of its results.h5
    print("least loss:", best["id"].decode(), "after step", run.attrs["best_step"])
    for name, x in run.get("learned", {}).items():
        print(f"{name} ({x.attrs['units']}): {x.attrs['long_name']}, {x.shape}, coordinates {[list(d.keys()) for d in x.dims]}")
