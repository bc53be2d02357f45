"""Writes TIFF files of every kind that tifffile knows, for tests/test_tiff.c to read: NAME.tif, the pages it must find as NAME.npy
(float32), and table.csv: name, axes, take, channel, what the pages are, pixel size (y, x). Exit 77 without the module."""
import csv
import os
import sys

try:
    import numpy as np
    import tifffile
except ImportError as error:
    print(error)
    sys.exit(77)

folder = sys.argv[1]
rng = np.random.default_rng(1)
H, W = 37, 45
table = csv.writer(open(os.path.join(folder, "table.csv"), "w", newline=""))
table.writerow(["name", "axes", "take", "channel", "pages", "pixel_y_um", "pixel_x_um"])


def pixels(dtype, *shape):
    dtype = np.dtype(dtype)
    if dtype == bool:
        return rng.random(shape) < .5
    if dtype.kind == "f":
        return (rng.random(shape) * 200 - 50).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def put(name, data, pages, axes="", take="", channel=0, said="", pixel=(0, 0), **options):
    tifffile.imwrite(os.path.join(folder, name + ".tif"), data, **options)
    np.save(os.path.join(folder, name + ".npy"), np.asarray(pages).reshape(-1, *np.asarray(pages).shape[-2:]).astype(np.float32))
    table.writerow([name, axes, take, channel, said, *pixel])


# depths, in both byte orders, strips and tiles
for code in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"):
    data = pixels(code, H, W)
    for order in "<>":
        name = code + {"<": "_little", ">": "_big"}[order]
        put(name, data, data, byteorder=order, photometric="minisblack")
        put(name + "_tiles", data, data, byteorder=order, tile=(16, 32), photometric="minisblack", bigtiff=order == ">")
bits = pixels(bool, H, W)
put("one_bit", bits, bits * 255, photometric="minisblack")
put("one_bit_white", bits, (~bits) * 255)
for code in ("u1", "u2"):
    data = pixels(code, H, W)
    put("white_is_zero_" + code, data, np.iinfo(data.dtype).max - data.astype(np.float64), photometric="miniswhite")
# colours
colour = pixels("u2", H, W, 3)
for channel in range(3):
    put(f"rgb_{channel}", colour, colour[..., channel], channel=channel, photometric="rgb", planarconfig="contig")
    put(f"planes_{channel}", np.moveaxis(colour, 2, 0), colour[..., channel], channel=channel, photometric="rgb", planarconfig="separate",
        tile=(16, 16))
palette = pixels("u2", 3, 256)
indices = pixels("u1", H, W)
put("palette", indices, palette[1][indices] >> 8, channel=1, photometric="palette", colormap=palette)
# several pages: of unknown meaning, named by us
stack = pixels("u2", 6, H, W)
put("pages", stack, stack, said="Q=6", photometric="minisblack", metadata=None)
put("pages_named", stack, stack[4], axes="ZYX", take="Z=4", photometric="minisblack", metadata=None)
# ImageJ: T, Z, C and its units; pages without directories
hyper = pixels("u2", 2, 3, 4, H, W)
for order, code in ((">", "little"), ("<", "big")):
    said = dict(imagej=True, byteorder=order, resolution=(4, 4), metadata={"axes": "TZCYX", "unit": "um", "spacing": .5})
    put("imagej_" + code, hyper, hyper, said="T=2 Z=3 C=4", pixel=(.25, .25), **said)
    put("imagej_take_" + code, hyper, hyper[1, :, 3], take="T=1 C=3", said="Z=3", pixel=(.25, .25), **said)
    put("imagej_renamed_" + code, hyper[0, :, 0], hyper[0, :, 0], axes="TYX", said="T=3", imagej=True, byteorder=order, metadata={"axes": "ZYX"})
    for dtype in ("u1", "u2", "f4"):
        many = pixels(dtype, 5, H, W)
        put(f"imagej_alone_{code}_{dtype}", many, many, said="T=5", imagej=True, byteorder=order, truncate=True, metadata={"axes": "TYX"})
# OME-TIFF: any order, units, names of channels
for order in ("TZCYX", "CTZYX", "ZCTYX", "TCZYX"):
    sizes = {"T": 2, "Z": 3, "C": 4}
    data = pixels("u1", *(sizes[a] for a in order[:3]), H, W)
    pages = data.transpose([order.index(a) for a in "TZCYX"])
    said = dict(ome=True, metadata={"axes": order, "PhysicalSizeX": 650, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": .65,
                                    "PhysicalSizeYUnit": "µm", "Channel": {"Name": ["DAPI", "GFP", "Cy3 & <5>", "phase"]}})
    put("ome_" + order, data, pages, said="T=2 Z=3 C=4", pixel=(.65, .65), **said)
    put("ome_take_" + order, data, pages[1, :, 1], take="C=GFP T=1", said="Z=3", pixel=(.65, .65), **said)
colour = pixels("u1", 3, H, W, 3)
put("ome_rgb", colour, colour[..., 2], channel=2, said="Z=3", ome=True, photometric="rgb", metadata={"axes": "ZYXS"})
put("ome_big", stack, stack, said="C=6", ome=True, bigtiff=True, metadata={"axes": "CYX"})
# resolution tags: centimetres and inches of a microscope, not those of a printer
plain = pixels("u1", H, W)
put("centimetres", plain, plain, pixel=(.5, .4), resolution=(25000, 20000), resolutionunit="CENTIMETER", metadata=None)
put("inches", plain, plain, pixel=(2.54, 2.54), resolution=(10000, 10000), resolutionunit="INCH", metadata=None)
put("printer", plain, plain, resolution=(300, 300), resolutionunit="INCH", metadata=None)
put("deflated", stack, stack, said="Q=6", compression="zlib", predictor=True, photometric="minisblack", metadata=None)
