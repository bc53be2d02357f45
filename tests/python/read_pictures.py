"""Reads the pictures that tests/test_images.c writes, with tifffile and Pillow. Exit 0 if every number is as written, 77 without them."""
import os
import sys

try:
    import numpy as np
    import tifffile
    from PIL import Image
except ImportError as error:
    print(error)
    sys.exit(77)

H, W = 13, 17
folder = sys.argv[1]
i = np.arange(2 * H * W)
for name, expected in (("8", (i * 5).astype(np.uint8)), ("16", (i * 111).astype(np.uint16)), ("32", i.astype(np.float32) * np.float32(-0.3))):
    with tifffile.TiffFile(os.path.join(folder, name + ".tif")) as tif:
        picture = tif.asarray()
        assert picture.dtype == expected.dtype, (name, picture.dtype)
        np.testing.assert_array_equal(picture, expected.reshape(2, H, W))
        assert len(tif.pages) == 2
        if name != "8":
            assert tif.pages[1].tags["XResolution"].value == (20000, 1) and tif.pages[1].tags["ResolutionUnit"].value == 3
with tifffile.TiffFile(os.path.join(folder, "one.tif")) as tif:
    assert tif.is_imagej and tif.imagej_metadata["unit"] == "micron" and tif.pages[0].tags["XResolution"].value == (2, 1)
    np.testing.assert_array_equal(tif.asarray(), (np.arange(H * W) * 111).astype(np.uint16).reshape(H, W))
j = np.arange(H * W)
np.testing.assert_array_equal(np.asarray(Image.open(os.path.join(folder, "8.png"))), (j * 37).astype(np.uint8).reshape(H, W))
np.testing.assert_array_equal(np.asarray(Image.open(os.path.join(folder, "16.png"))), (j * 2999).astype(np.uint16).reshape(H, W))
np.testing.assert_array_equal(np.asarray(Image.open(os.path.join(folder, "rgb.png"))).ravel(), (np.arange(H * W * 3) * 11).astype(np.uint8))
