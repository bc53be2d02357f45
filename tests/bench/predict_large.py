#!/usr/bin/env python3
"""predict_large.py - a large 16-bit picture through the U-Net, TIFF to TIFF, beside PyTorch's prediction of it.

usage: predict_large.py BUILD [--python PYTHON] [--width 20000] [--height 20000] [--peer-rows 2048] [--nets 32/4,8/3] [--folder FOLDER]

BUILD is our build folder. Trains two steps for a run of each network, then predicts a picture of WIDTH x HEIGHT pixels with
`scopegrad predict` and the first rows of it with PyTorch: same weights (batch norm folded on both sides), tile and overlap,
channels-last, tifffile memory-mapped. Prints Mpx/s and peak memory of the processes as a Markdown table, and how far tiles
are from a prediction of 1024 x 1024 pixels (with what it sees around them) that is not tiled. Without --python a
throw-away virtual environment gets torch and tifffile from the package index. Standard library only.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from side_by_side import OURS_ENV, machine

CONFIG = """sample: {size_px: 128}
illumination: {rows: 3, columns: 3, pattern: random}
camera: {pixel_um: 1, bit_depth: 16, offset_adu: 0, normalise: range}
dataset: {kind: synthetic, synthetic: {count: 3, radius_um: 3, train: 4, validation: 2, test: 2}}
train: {steps: 2, batch_size: 2, validate_every: end, checkpoint_every: end}
"""
TILE = {"32/4": 1024, "16/3": 1536, "8/3": 2048}
HALO = {4: 96, 3: 48}  # 94 and 46 pixels, rounded up to a multiple of 2^depth
PART = 1024
PEER = pathlib.Path(__file__).with_name("predict_torch.py")


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--python")
    parser.add_argument("--width", type=int, default=20000)
    parser.add_argument("--height", type=int, default=20000)
    parser.add_argument("--peer-rows", type=int, default=2048)
    parser.add_argument("--nets", default="32/4,8/3")
    parser.add_argument("--folder", type=pathlib.Path)
    args = parser.parse_args()
    args.build = args.build.resolve()
    return args


def peers_python(folder):
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "torch", "tifffile"], check=True)
    return python


def timed(command, folder):
    """Seconds, processor seconds, peak MiB and standard output of one process."""
    begin = time.monotonic()
    with open(folder / "out", "w+") as out:
        child = subprocess.Popen([str(word) for word in command], cwd=folder, stdout=out, env={**os.environ, **OURS_ENV})
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if child.returncode:
        sys.exit(f"{command}: exit code {child.returncode}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text


def ours(args, run, picture, out, tile, *sets):
    keys = [word for key in sets for word in ("--set", key)]
    return timed([args.build / "scopegrad", "predict", run, "-q", "-m", "-i", picture, "-o", out, "--tile", tile, *keys], args.folder)


def peer(args, *words):
    return timed([args.python, PEER, *words], args.folder)


def row(net, side, pixels, found):
    seconds, processor, peak, _ = found
    print(f"| {net} | {side} | {pixels / 1e6:.0f} | {pixels / 1e6 / seconds:.2f} | {pixels / 1e6 / processor:.2f} | {peak:.0f} |", flush=True)


def part_error(args, run, net, large, *sets):
    """The middle of the picture, and PART pixels of its corner, against predictions that are not tiled."""
    halo, worst = HALO[int(net.split("/")[1])], 0
    middle = args.height // 2 // 64 * 64, args.width // 2 // 64 * 64
    for (y, x), before in (((0, 0), 0), (middle, halo)):
        side = PART + before + halo
        peer(args, "cut", "large.tif", "part.tif", y - before, x - before, side, side)
        ours(args, run, "part.tif", "part_out.tif", 2 * side, *sets)
        worst = max(worst, float(peer(args, "distance", large, y, x, "part_out.tif", before, before, PART)[3]))
    return worst


def measure(args, net):
    width, depth = net.split("/")
    run, tile, all_pixels = f"run{width}", TILE[net], args.width * args.height
    timed([args.build / "scopegrad", "train", "config.yaml", "-q", "--no-report", "-o", run, "--set", f"network.width={width}",
           "--set", f"network.depth={depth}"], args.folder)
    rows = min(args.peer_rows, args.height)
    for precision in ("f32", "bf16"):
        row(net, f"ours, {precision}", all_pixels, ours(args, run, "large.tif", f"{precision}.tif", tile, f"nn.precision={precision}"))
        found = peer(args, "predict", run, "large.tif", "peer.tif", precision, width, depth, tile, HALO[int(depth)], rows)
        row(net, f"PyTorch, {precision}", rows * args.width, found)
        apart = float(peer(args, "distance", f"{precision}.tif", 0, 0, "peer.tif", 0, 0, rows - 256)[3])
        print(f"<!-- {net} {precision}: {apart:.1e} from PyTorch -->", flush=True)
    return part_error(args, run, net, "f32.tif", "nn.precision=f32")


def direct_error(args, net):
    """A band of the picture in the plainest arithmetic: tiles against one piece."""
    run, halo = f"run{net.split('/')[0]}", HALO[int(net.split("/")[1])]
    peer(args, "cut", "large.tif", "band.tif", 0, 0, PART + 2 * halo, min(3 * PART // 2, args.width))
    for out, tile in (("tiled.tif", 3 * PART // 4), ("whole.tif", 2 * PART)):
        ours(args, run, "band.tif", out, tile, "nn.algorithm=direct")
    return float(peer(args, "distance", "tiled.tif", 0, 0, "whole.tif", 0, 0, PART + 2 * halo)[3])


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="predict-large-") as scratch:
        args.folder = args.folder or pathlib.Path(scratch)
        args.python = args.python or peers_python(pathlib.Path(scratch) / "peer")
        (args.folder / "config.yaml").write_text(CONFIG)
        peer(args, "make", "large.tif", args.height, args.width)
        print(f"{machine()}; {args.width} x {args.height} pixels of 16 bits\n")
        print("| U-Net | side | Mpx | Mpx/s | Mpx per processor second | peak MiB |\n| --- | --- | --- | --- | --- | --- |")
        errors = [(net, measure(args, net), direct_error(args, net)) for net in args.nets.split(",")]
        for net, fast, direct in errors:
            print(f"\n{net}: tiles are {fast:.1e} (f32) and {direct:.1e} (f32, direct) from a prediction that is not tiled.")


if __name__ == "__main__":
    main()
