"""Writes TIFF files of every kind that tifffile knows, .npy and HDF5, for tests/test_tiff.c to read; the pages that it must find as
want_N.npy (float32), and table.csv: file, N, axes, take, channel, what the pages are, pixel size (y, x). Exit 77 without the
modules."""
import csv
import os
import sys

try:
    import h5py
    import numpy as np
    import tifffile
except ImportError as error:
    print(error)
    sys.exit(77)

folder = sys.argv[1]
rng = np.random.default_rng(1)
H, W = 37, 45
table = csv.writer(open(os.path.join(folder, "table.csv"), "w", newline=""))
table.writerow(["file", "want", "axes", "take", "channel", "pages", "pixel_y_um", "pixel_x_um"])


def pixels(dtype, *shape):
    dtype = np.dtype(dtype)
    if dtype == bool:
        return rng.random(shape) < .5
    if dtype.kind == "f":
        return (rng.random(shape) * 200 - 50).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


files = set()


def want(file, pages, axes="", take="", channel=0, said="", pixel=(0, 0)):
    assert file not in files, file
    files.add(file)
    pages = np.asarray(pages)
    np.save(os.path.join(folder, f"want_{len(files)}.npy"), pages.reshape(-1, *pages.shape[-2:]).astype(np.float32))
    table.writerow([file, len(files), axes, take, channel, said, *pixel])


def put(name, data, pages, axes="", take="", channel=0, said="", pixel=(0, 0), **options):
    tifffile.imwrite(os.path.join(folder, name + ".tif"), data, **options)
    want(name + ".tif", pages, axes, take, channel, said, pixel)


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
with tifffile.TiffWriter(os.path.join(folder, "ome_others.ome.tif")) as writer:  # other images behind the first one
    writer.write(stack, photometric="minisblack", metadata={"axes": "ZYX"})
    writer.write(stack[0, :16, :16], photometric="minisblack", metadata={"axes": "YX"})
    writer.write(colour[0], photometric="rgb", metadata={"axes": "YXS"})
want("ome_others.ome.tif", stack, said="Z=6")
put("ome_annotated", stack, stack, said="T=6", ome=True, metadata={"axes": "TYX"})
path = os.path.join(folder, "ome_annotated.tif")
vendor = '<StructuredAnnotations><XMLAnnotation ID="Annotation:0"><Value><Pixels Width="3"/></Value></XMLAnnotation></StructuredAnnotations>'
tifffile.tiffcomment(path, tifffile.tiffcomment(path).replace("</OME>", vendor + "</OME>").encode())
put("ome_big", stack, stack, said="C=6", ome=True, bigtiff=True, metadata={"axes": "CYX"})
# tifffile's own way
put("shaped", hyper, hyper.transpose(1, 0, 2, 3, 4), said="T=3 Z=2 C=4", metadata={"axes": "ZTCYX"}, photometric="minisblack")
put("shaped_alone", stack, stack[2], take="Z=2", metadata={"axes": "ZYX"}, photometric="minisblack", truncate=True)
put("shaped_rgb", colour, colour[..., 1], channel=1, said="Z=3", metadata={"axes": "ZYXS"}, photometric="rgb")
put("shaped_planes", np.moveaxis(colour[0], 2, 0), colour[0, ..., 1], channel=1, metadata={"axes": "CYX"}, photometric="rgb",
    planarconfig="separate")
put("shaped_alone_unnamed", hyper, hyper, said="Q=24", photometric="minisblack", truncate=True)
put("shaped_unnamed", hyper, hyper, said="Q=24", photometric="minisblack")
# resolution tags: centimetres and inches of a microscope, not those of a printer
plain = pixels("u1", H, W)
put("centimetres", plain, plain, pixel=(.5, .4), resolution=(25000, 20000), resolutionunit="CENTIMETER", metadata=None)
put("inches", plain, plain, pixel=(2.54, 2.54), resolution=(10000, 10000), resolutionunit="INCH", metadata=None)
put("printer", plain, plain, resolution=(300, 300), resolutionunit="INCH", metadata=None)
put("imagej_printer", plain, plain, imagej=True, resolution=(300, 300), metadata={"unit": "inch"})
put("deflated", stack, stack, said="Q=6", compression="zlib", predictor=True, photometric="minisblack", metadata=None)
# .npy: types, byte orders, orders of the axes
for code in ("b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"):
    for order in "<>":
        data = pixels(code, 3, H, W).astype(np.dtype(code).newbyteorder(order))
        for layout in "CF":
            name = f"{code}_{'big' if order == '>' else 'little'}_{layout}.npy"
            np.save(os.path.join(folder, name), np.asarray(data, order=layout))
            want(name, data, said="Q=3")
many = pixels("i2", 3, 2, H, W, 4)
for layout in "CF":
    np.save(os.path.join(folder, f"five_{layout}.npy"), np.asarray(many, order=layout))
    want(f"five_{layout}.npy", np.moveaxis(many, 4, 2).swapaxes(0, 1), axes="ZTYXC", said="T=2 Z=3 C=4")
    np.save(os.path.join(folder, f"take_{layout}.npy"), np.asarray(many, order=layout))
    want(f"take_{layout}.npy", np.moveaxis(many, 4, 2)[2, 1, 1:2], axes="ZTYXC", take="Z=2 C=1 T=1")
np.save(os.path.join(folder, "turned.npy"), many[0, 0, :, :, 0].T)
want("turned.npy", many[0, 0, :, :, 0], axes="XY")
np.save(os.path.join(folder, "page.npy"), many[0, :, :, :, 0])
want("page.npy:2", many[0, 1, :, :, 0])
# HDF5: rank, axes and pixels in attributes
with h5py.File(os.path.join(folder, "arrays.h5"), "w") as h5:
    h5["plain"] = many[0, 0, :, :, 0]
    h5["stack"] = np.moveaxis(many, 4, 2)[0, 0].astype(">f8")
    h5["group/named"] = many
    h5["group/named"].attrs["axes"] = "ZTYXC"
    h5["group/named"].attrs["pixel_um"] = .65
    h5["five"] = many
    h5["five"].attrs["element_size_um"] = [2, .5, .25]
    h5["mask"] = bits
    h5.create_dataset("chunks", data=many, chunks=(1, 1, 10, 10, 4), compression="gzip")
want("arrays.h5:/plain", many[0, 0, :, :, 0])
want("arrays.h5:/mask", bits)
want("arrays.h5:/stack", np.moveaxis(many, 4, 2)[0, 0], said="Q=4")
want("arrays.h5:/stack:3", many[0, 0, :, :, 2])
want("arrays.h5:/group/named", np.moveaxis(many, 4, 2).swapaxes(0, 1), said="T=2 Z=3 C=4", pixel=(.65, .65))
want("arrays.h5:/five", many[1, :, :, :, 3], axes="ZTYXC", take="Z=1 C=3", said="T=2", pixel=(.5, .25))
want("arrays.h5:/chunks", np.moveaxis(many, 4, 2)[2, 1, 2:3], axes="TZYXC", take="T=2 C=2 Z=1")
