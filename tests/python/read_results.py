"""Reads the file that tests/test_results.c writes, with h5py alone. Exit 0 if every number and attribute is as written."""
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1], "r") as f:
    assert f.attrs["schema"] == "scopegrad-results" and f.attrs["schema_version"] == 2
    assert f.attrs["arm"] == "learned" and f.attrs["dose_ph"] == 200
    assert f["config"].asstr()[()] == "optics:\n  na: 0.1\n"
    weight = f["learned/led_weight"]
    assert weight.dtype == np.float32 and weight.attrs["axes"] == "EK" and weight.attrs["units"] == "1"
    np.testing.assert_array_equal(weight[()], [[.25, .5, .25], [0, 1, 0]])
    picture = f["examples/measurement"]
    assert picture.attrs["axes"] == "NCYX" and picture.attrs["pixel_um"] == 1 and picture.compression == "gzip"
    np.testing.assert_array_equal(picture[()].ravel(), (np.arange(picture.size) % 97).astype(np.float32) / np.float32(7))
    assert f["examples/adu"].dtype == np.uint16 and f["examples/adu"].attrs["units"] == "ADU"
    assert list(f["metrics/per_image/name"].asstr()[()]) == ["nucleus_a", "", "Zelle_ü"]
    assert f["metrics/dice"][()] == .75 and f["metrics/dice"].attrs["long_name"] == "mean Dice on the test split"
