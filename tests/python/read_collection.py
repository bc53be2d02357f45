"""Reads the all.h5 that tests/test_collect.c had `collect` write, with h5py and pandas alone. Exit 0 if table, groups and scales are as documented."""
import sys

import h5py
import numpy as np
import pandas

table = pandas.DataFrame(h5py.File(sys.argv[1])["table"][()])
assert list(table.columns[:6]) == ["id", "arm", "illumination.dose_ph", "camera.adc", "seed", "best_step"], list(table.columns)
assert set(table.columns[6:]) == {"loss", "dice", "mse", "dice_low", "dice_high", "learned_adc_range_e"}, list(table.columns)
assert len(table) == 6 and table["seed"].dtype == np.uint64 and table["illumination.dose_ph"].dtype == np.float64
assert list(table["arm"].str.decode("utf8")) == ["fixed"] * 3 + ["learned"] * 3
np.testing.assert_array_equal(table["illumination.dose_ph"], [20, 20, 20, 200.5, 200.5, 200.5])
np.testing.assert_array_equal(table["loss"], range(6))
np.testing.assert_array_equal(table["dice"], [np.nan, .25, np.nan, .75, np.nan, 1.25])
np.testing.assert_array_equal(table["dice_high"], [np.nan, .2, np.nan, .2 * 3, np.nan, 1.])
np.testing.assert_array_equal(table["learned_adc_range_e"], 100. + np.arange(6))
with h5py.File(sys.argv[1]) as f:
    assert f.attrs["schema"] == "scopegrad-results" and f.attrs["schema_version"] == 2
    for row in f["table"]:
        run = f["runs"][row["id"].decode()]
        assert run["metrics/loss"][()] == row["loss"] and run.attrs["best_step"] == row["best_step"]
        assert list(run["curve/train_loss"].dims[0].keys()) == ["step"]
        np.testing.assert_array_equal(run["curve/train_loss"].dims[0][0], run["curve/step"])
        assert run["examples/prediction"].compression == "gzip" and run["examples/prediction"].attrs["axes"] == "NYX"
