#!/usr/bin/env python3
"""predict_torch.py - what predict_large.py needs PyTorch, NumPy and tifffile for. Each call is a process of its own.

usage: predict_torch.py make PICTURE HEIGHT WIDTH             random cells and noise, 16 bits
       predict_torch.py cut PICTURE OUT Y X HEIGHT WIDTH      a part of a picture
       predict_torch.py predict RUN PICTURE OUT f32|bf16 WIDTH DEPTH TILE HALO ROWS
                                                              the U-Net of a run on the first ROWS rows, tile by tile
       predict_torch.py distance A YA XA B YB XB SIDE         largest difference of two squares; prints it
"""
import pathlib
import sys

import numpy as np
import tifffile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "independent"))


def make(path, *size):
    rng, (height, width) = np.random.default_rng(1), map(int, size)
    out = tifffile.memmap(path, shape=(height, width), dtype=np.uint16)
    wave = 9000 * np.sin(np.arange(width) / 11)
    for y in range(height):
        out[y] = np.clip(25000 + wave * np.cos(y / 13) + rng.normal(0, 800, width), 0, 65535)
    out.flush()


def cut(path, out, *place):
    y, x, height, width = map(int, place)
    tifffile.imwrite(out, np.array(tifffile.memmap(path, mode="r")[y:y + height, x:x + width]))


def distance(a, ya, xa, b, yb, xb, side):
    part = [tifffile.memmap(path, mode="r")[int(y):int(y) + int(side), int(x):int(x) + int(side)] for path, y, x in ((a, ya, xa), (b, yb, xb))]
    print(float(np.max(np.abs(part[0].astype(np.float64) - part[1]))))


def network(run, width, depth):
    import torch
    import unet_twin
    from torch.nn.utils.fusion import fuse_conv_bn_eval
    unet_twin.WIDTH, unet_twin.DEPTH = width, depth
    net = unet_twin.UNet().eval()
    ours = {name[5:]: t for name, t in unet_twin.safetensors(pathlib.Path(run) / "weights.safetensors") if name.startswith("unet.")}
    own = net.state_dict()
    net.load_state_dict({name: ours[name].reshape(t.shape) if name in ours else t for name, t in own.items()})
    for block in net.children():
        for i in (1, 2) if isinstance(block, unet_twin.Block) else ():
            setattr(block, f"conv{i}", fuse_conv_bn_eval(getattr(block, f"conv{i}"), getattr(block, f"norm{i}")))
            setattr(block, f"norm{i}", torch.nn.Identity())
    return net.to(memory_format=torch.channels_last)


def tiles(whole, tile, halo):
    """(origin, begin, end) of each: as pipeline/tiling.c with tiles of the size that is asked for."""
    begin = 0
    while begin < whole:
        origin = max(0, min(begin - halo, whole - tile))
        end = whole if origin + tile >= whole else origin + tile - halo
        yield origin, begin, end
        begin = end


def predict(run, picture, out, precision, *numbers):
    import torch
    width, depth, tile, halo, rows = map(int, numbers)
    source = tifffile.memmap(picture, mode="r")[:rows]
    result = tifffile.memmap(out, shape=source.shape, dtype=np.float32)
    net = network(run, width, depth)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        for y, top, bottom in tiles(source.shape[0], tile, halo):
            for x, left, right in tiles(source.shape[1], tile, halo):
                adu = torch.from_numpy(source[y:y + tile, x:x + tile].astype(np.float32) / 65535)[None, None]
                p = torch.sigmoid(net(adu.contiguous(memory_format=torch.channels_last)).float())[0, 0]
                result[top:bottom, left:right] = p[top - y:bottom - y, left - x:right - x]
    result.flush()


if __name__ == "__main__":
    {f.__name__: f for f in (make, cut, predict, distance)}[sys.argv[1]](*sys.argv[2:])
