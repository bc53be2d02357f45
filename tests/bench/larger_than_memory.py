#!/usr/bin/env python3
"""larger_than_memory.py - training from the cache beside training from memory, by turns.

usage: larger_than_memory.py BUILD FOLDER MEMORY_MIB [--rounds 2] [--steps 10,50]

FOLDER is one of make_pictures.py whose decoded pictures are three times MEMORY_MIB. Trains a U-Net 16/3 on crops of 256
pixels for so many steps, everything in memory and with dataset.memory_mib. Prints processor seconds a step (all threads,
the difference of the two lengths, so that set-up is left out; the best of the rounds), their ratio, peak memory, and
whether results and log are the same to the byte.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

CONFIG = """sample: {{size_px: 256, pixel_um: 0.5}}
camera: {{pixel_um: 1.0}}
network: {{width: 16, depth: 3}}
dataset: {{kind: folder, path: {0}, splits: {0}/splits.csv}}
train: {{batch_size: 8, validate_every: 1000}}
"""


def train(command, folder, config, steps, memory_mib):
    """Processor seconds and peak memory (MiB)."""
    shutil.rmtree(folder, ignore_errors=True)
    pid = os.posix_spawn(command, [command, "train", str(config), "-o", str(folder), "--set", f"train.steps={steps}",
                                   "--set", f"dataset.memory_mib={memory_mib}", "--set", f"dataset.cache={folder.parent}"],
                         os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit(f"train ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("memory_mib", type=float)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", default="10,50")
    a = parser.parse_args()
    few, many = (int(n) for n in a.steps.split(","))
    command = str((a.build / "scopegrad").resolve())
    modes = {"memory": 1e6, "cache": a.memory_mib}
    seconds, peak = {m: {few: 1e9, many: 1e9} for m in modes}, {}
    with tempfile.TemporaryDirectory() as scratch:
        place = pathlib.Path(scratch)
        (place / "run.yaml").write_text(CONFIG.format(a.folder.resolve()))
        train(command, place / "cache", place / "run.yaml", 1, a.memory_mib)
        for _ in range(a.rounds):
            for steps in (few, many):
                for mode, mib in modes.items():
                    used, peak[mode] = train(command, place / mode, place / "run.yaml", steps, mib)
                    seconds[mode][steps] = min(seconds[mode][steps], used)
        step = {m: (s[many] - s[few]) / (many - few) for m, s in seconds.items()}
        for mode in modes:
            print(f"{mode}: {step[mode]:.4f} processor s/step, peak memory {peak[mode]:.0f} MiB")
        print(f"speed from the cache / from memory: {step['memory'] / step['cache']:.3f}")
        for name in ("results.h5", "log.csv", "weights.safetensors"):
            same = (place / "memory" / name).read_bytes() == (place / "cache" / name).read_bytes()
            print(f"{name}: {'the same bytes' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
