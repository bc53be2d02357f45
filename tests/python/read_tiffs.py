"""Reads the OME-TIFFs that tests/test_tiff.c writes, with tifffile. Exit 0 if axes, sizes, units, names and numbers are as written,
77 without it."""
import os
import sys
import xml.etree.ElementTree

try:
    import numpy as np
    import tifffile
except ImportError as error:
    print(error)
    sys.exit(77)

H, W = 13, 17
i = np.arange(3 * H * W)
OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
for name, axes, expected in (("channels", "CYX", (i * 111).astype(np.uint16)), ("times", "TYX", (i * 5).astype(np.uint8)),
                             ("planes", "ZYX", i.astype(np.float32) * np.float32(-.3))):
    with tifffile.TiffFile(os.path.join(sys.argv[1], name + ".ome.tif")) as tif:
        assert tif.is_ome and len(tif.series) == 1, name
        assert tif.series[0].axes == axes, tif.series[0].axes
        assert tif.series[0].dtype == expected.dtype
        np.testing.assert_array_equal(tif.asarray(), expected.reshape(3, H, W))
        pixels = xml.etree.ElementTree.fromstring(tif.ome_metadata.encode()).find(f"{OME}Image/{OME}Pixels")
        assert pixels.get("PhysicalSizeX") == "0.325" and pixels.get("PhysicalSizeXUnit") == "µm", pixels.attrib
        names = [channel.get("Name") for channel in pixels.findall(f"{OME}Channel")]
        assert names == (["red", "far <red> & \"more\"", "µ"] if axes == "CYX" else ["one"]), names
        resolution = tif.pages[0].tags["XResolution"].value
        assert abs(resolution[0] / resolution[1] * .325e-4 - 1) < 1e-6 and tif.pages[0].tags["ResolutionUnit"].value == 3
