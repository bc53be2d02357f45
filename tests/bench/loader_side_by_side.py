#!/usr/bin/env python3
"""loader_side_by_side.py - our loader beside PyTorch's DataLoader with tifffile, by turns, in one session.

usage: loader_side_by_side.py BUILD [--python PYTHON] [--count 400] [--side 512] [--crop 256] [--rounds 3] [--folder DIR]
                             [--processor-time]

Makes folders of 16-bit TIFFs with masks (plain and deflate; kept in DIR if given) and runs bench_loader and
loader_torch.py with 0, 2 and 4 workers by turns. PYTHON must have torch, numpy and tifffile. Prints a Markdown table:
the best of the rounds on each side, of the workers on PyTorch's. --processor-time: pictures per second of processor
time, all threads of a process together, PyTorch without workers; for a machine that is not quiet.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
OURS_ENV = {"GOMP_SPINCOUNT": "1000"}  # what the command scopegrad gives itself


def last_json(clock, *command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env={**os.environ, **clock})
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stderr[-1000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(python, build, folder, crop, rounds, processor_time):
    clock = {"LD_PRELOAD": str((build / "tests" / "processor_clock.so").resolve())} if processor_time else {}
    ours, peer = {}, {}
    for _ in range(rounds):
        for key, value in last_json({**clock, **OURS_ENV}, build / "tests" / "bench_loader", folder, folder / "cache", crop).items():
            ours[key] = max(value, ours.get(key, 0))
        for workers in (0,) if processor_time else (0, 2, 4):
            for key, value in last_json(clock, python, HERE / "loader_torch.py", folder, crop, workers).items():
                if value > peer.get(key, (0, 0))[0]:
                    peer[key] = (value, workers)
    return ours, peer


def rows(name, ours, peer, crop):
    gb = 2 * 4e-9 * crop * crop
    tiff, memmap = peer["tiff"], peer["memmap"]
    table = [("opening and first epoch, pictures/s", ours["tiff"], tiff, 1), ("further epochs, pictures/s", ours["memory"], tiff, 1),
             ("ten epochs and opening, pictures/s", 10 / (1 / ours["tiff"] + 9 / ours["memory"]), tiff, 1),
             ("from the cache, pictures/s", ours["cache"], tiff, 1), ("from the cache, GB/s", ours["cache"], tiff, gb),
             ("the same, beside a memory-mapped .npy, GB/s", ours["cache"], memmap, gb)]
    for what, mine, (theirs, workers), unit in table:
        print(f"| {name}: {what} | {mine * unit:.4g} | {theirs * unit:.4g} ({workers} workers) | {mine / theirs:.1f} |")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--folder", type=pathlib.Path)
    for name, value in (("count", 400), ("side", 512), ("crop", 256), ("rounds", 3)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--processor-time", action="store_true")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = a.folder or pathlib.Path(scratch)
        print(f"load at the start {os.getloadavg()[0]:.1f}\n")
        print("| work | ours | PyTorch's DataLoader, tifffile | times |\n| --- | --- | --- | --- |")
        for name, option in (("plain", []), ("deflate", ["--deflate"])):
            folder = place / name
            if not (folder / "splits.csv").exists():
                subprocess.run([a.python, HERE / "make_pictures.py", folder, str(a.count), str(a.side), *option],
                               check=True)
            rows(name, *compare(a.python, a.build, folder, a.crop, a.rounds, a.processor_time), a.crop)
        print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
