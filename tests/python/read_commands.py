"""Reads what tests/test_commands.c had `predict` and `simulate` write, with tifffile and h5py alone. Exit 0 if pages, units and axes are as documented."""
import os
import sys

import h5py
import numpy as np
import tifffile

folder = sys.argv[1]
with tifffile.TiffFile(os.path.join(folder, "prediction.tif")) as tif:
    pages = tif.asarray()
    assert pages.dtype == np.float32 and pages.shape == (2, 32, 32), (pages.dtype, pages.shape)
    assert pages.min() >= 0 and pages.max() <= 1
    assert not np.array_equal(pages[0], pages[1])  # the same sample, each page with noise of its own
    resolution, unit = tif.pages[0].tags["XResolution"].value, tif.pages[0].tags["ResolutionUnit"].value
    pixels_per_um = resolution[0] / resolution[1] * ({3: 1e-4}.get(unit, 1))
    assert abs(pixels_per_um - 1) < 1e-6, (resolution, unit)  # camera.pixel_um: 1

STAGES = {
    "sample": ("EYX", "1", .5), "amplitude": ("EYX", "1", .5), "phase": ("EYX", "rad", .5), "led_intensity": ("KYX", "1", 1), "image": ("EYX", "1", 1),
    "pixels": ("EYX", "1", 1), "electrons": ("EYX", "electron", 1), "adu": ("EYX", "ADU", 1), "channels": ("EYX", "1", 1),
}
with h5py.File(os.path.join(folder, "stages.h5"), "r") as f:
    assert f.attrs["schema_version"] == 2 and "optics:" in f["config"].asstr()[()]
    for name, (axes, units, pixel_um) in STAGES.items():
        stage = f["stages"][name]
        assert (stage.attrs["axes"], stage.attrs["units"], stage.attrs["pixel_um"]) == (axes, units, pixel_um), (name, dict(stage.attrs))
        assert stage.attrs["long_name"] and stage.ndim == len(axes) and np.isfinite(stage[()]).all(), name
    assert set(f["stages"]) == set(STAGES), set(f["stages"]) ^ set(STAGES)
    assert 0 <= f["stages/sample"][()].min() and f["stages/sample"][()].max() <= 1
    assert f["parameters/led_na"].shape == (25, 2) and f["parameters/microscope.led.weight"].shape == (1, 25)
