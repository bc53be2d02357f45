#!/usr/bin/env python3
"""digits.py - LeNet-5 trained on digits by scopegrad and by PyTorch: same pictures, split, epochs, batch, optimiser, schedule, by turns.

usage: digits.py BUILD DATA [--python PYTHON] [--seeds N] [--epochs N] [--processor-time]

BUILD is our build folder; DATA holds mnist5k-images-idx3-ubyte and mnist5k-labels-idx1-ubyte. PYTHON has torch and numpy. The split
is fixed, by hash of a picture's number: 70 % train, 15 % validation, 15 % test. PyTorch runs plainly and channels-last, with its own
initial values and with ours (normal, sqrt(2 / fan_in), dense sqrt(1 / fan_in); biases 0), all pictures in one tensor, Adam fused. Prints accuracy on both
splits, mean and standard deviation over seeds, and the seconds of the training and of the whole process. --processor-time: one thread
on both sides, clocks count processor seconds, for a machine that is not quiet.
"""
import argparse
import csv
import hashlib
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BATCH, RATE = 64, 2e-3  # as digits.yaml, and the program's default
TWINS = [("f32", "torch"), ("f32-cl", "torch"), ("f32-cl", "ours")]


def split_of(number):
    place = int(hashlib.sha256(str(number).encode()).hexdigest(), 16) % 20
    return "train" if place < 14 else "validation" if place < 17 else "test"


# ---- PyTorch, in a process of its own ----

def factor(step, total):
    """nn/schedule.c: one cycle."""
    def anneal(a, b, t):
        return b + (a - b) * (1 + math.cos(math.pi * min(max(t, 0), 1))) / 2
    warm = int(.3 * total)
    return anneal(1 / 25, 1, step / warm) if step < warm else anneal(1, .01, (step - warm) / max(1, total - 1 - warm))


def twin(data, seed, epochs, mode, init):
    import numpy as np
    import torch
    import torch.nn.functional as F
    sys.path.insert(0, str(HERE.parent / "golden"))
    from classifier_torch import lenet5
    torch.manual_seed(seed)
    labels = torch.from_numpy(np.fromfile(data / "mnist5k-labels-idx1-ubyte", np.uint8, offset=8).astype(np.int64))
    x = torch.from_numpy(np.fromfile(data / "mnist5k-images-idx3-ubyte", np.uint8, offset=16).astype(np.float32)).reshape(-1, 1, 28, 28)
    x = (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True, unbiased=False)
    at = {s: torch.tensor([i for i in range(len(x)) if split_of(i + 1) == s]) for s in ("train", "validation", "test")}
    net = lenet5(1, 28, 10)
    if init == "ours":
        for p in net.parameters():
            torch.nn.init.zeros_(p) if p.dim() == 1 else torch.nn.init.normal_(p, 0, math.sqrt((2 if p.dim() == 4 else 1) / p[0].numel()))
    if "cl" in mode:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    per_epoch = len(at["train"]) // BATCH
    total, start = epochs * per_epoch, time.perf_counter()
    for step in range(total):
        if step % per_epoch == 0:
            order = at["train"][torch.randperm(len(at["train"]))]
        batch = order[step % per_epoch * BATCH:][:BATCH]
        adam.param_groups[0]["lr"] = RATE * factor(step, total)
        adam.zero_grad()
        F.cross_entropy(net(x[batch]), labels[batch]).backward()
        adam.step()
    seconds = time.perf_counter() - start
    net.eval()
    with torch.no_grad():
        hit = {s: (net(x[i]).argmax(1) == labels[i]).float().mean().item() for s, i in at.items()}
    print(json.dumps({"validation": hit["validation"], "test": hit["test"], "train_s": seconds}))


# ---- both sides ----

def run(command, **variables):
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables})
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout + done.stderr, time.perf_counter() - start


def ours(args, folder, seed):
    out = folder / f"run{seed}"
    text, whole = run([args.build / "scopegrad", "train", HERE / "digits.yaml", "-o", out, "--set", f"train.seed={seed}", "--set",
                       f"train.epochs={args.epochs}", "--set", f"dataset.path={args.data / 'mnist5k-images-idx3-ubyte'}", "--set",
                       f"dataset.splits={folder / 'splits.csv'}", "--set", f"train.threads={1 if args.processor_time else 'all'}"])
    last = list(csv.DictReader(open(out / "log.csv")))[-1]
    timing = list(csv.DictReader(open(out / "timing.csv")))[-1]
    return {"validation": float(last["validation_accuracy"]), "test": float(re.search(r"[ ,]accuracy ([0-9.]+), F1", text).group(1)),
            "train_s": float(timing["seconds_since_start"]) - float(timing["setup_s"]), "whole_s": whole}


def row(name, found):
    def spread(key, digits):
        values = [one[key] for one in found]
        return f"{statistics.mean(values):.{digits}f} +- {statistics.stdev(values):.{digits}f}"
    times = " | ".join(f"{statistics.median(one[k] for one in found):.2f} ({min(one[k] for one in found):.2f})" for k in ("train_s", "whole_s"))
    return f"| {name} | {spread('validation', 4)} | {spread('test', 4)} | {times} |"


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--twin", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build, args.data = args.build.resolve(), args.data.resolve()
    if args.twin:
        return twin(args.data, int(args.twin[0]), args.epochs, args.twin[1], args.twin[2])
    if args.processor_time:
        os.environ.update(OMP_NUM_THREADS="1", LD_PRELOAD=str(args.build / "tests/processor_clock.so"))
    found = {"ours": [], **{t: [] for t in TWINS}}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        count = (args.data / "mnist5k-labels-idx1-ubyte").stat().st_size - 8
        (folder / "splits.csv").write_text("name,split\n" + "".join(f"{i:05d},{split_of(i)}\n" for i in range(1, count + 1)))
        for seed in range(1, args.seeds + 1):
            found["ours"].append(ours(args, folder, seed))
            for mode, init in TWINS:
                text, whole = run([args.python, __file__, args.build, args.data, "--epochs", str(args.epochs), "--twin", str(seed), mode, init])
                found[mode, init].append({**json.loads(text.splitlines()[-1]), "whole_s": whole})
            print({key: one[-1] for key, one in found.items()}, file=sys.stderr)
    print("| | accuracy, validation | accuracy, test | training (s): median (least) | whole process (s) |\n| --- | --- | --- | --- | --- |")
    print(row("scopegrad", found["ours"]))
    for mode, init in TWINS:
        print(row(f"PyTorch {mode}, initial values {'of PyTorch' if init == 'torch' else 'as ours'}", found[mode, init]))


if __name__ == "__main__":
    main()
