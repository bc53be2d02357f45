#!/usr/bin/env python3
"""classifier_torch.py - the twin of bench_classifier in PyTorch: usage: classifier_torch.py lenet5|resnet BATCH SIZE WIDTH DEPTH MODE

MODE: f32, f32-cl (channels-last), f32-compile. One training step (cross entropy, Adam, fused where it is faster) and one inference of
random pictures, timed as bench_classifier does; prints one line of JSON. The networks are those of tests/golden/classifier_torch.py.
"""
import json
import pathlib
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
from classifier_torch import Resnet, lenet5  # noqa: E402

WARM_UP, STEPS, SECONDS = 20, 1000, 3


def timed(run):
    for _ in range(WARM_UP):
        run()
    times, end = [], time.monotonic() + SECONDS
    while len(times) < STEPS and time.monotonic() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)


def main():
    name, batch, size, width, depth, mode = sys.argv[1], *map(int, sys.argv[2:6]), sys.argv[6]
    net = lenet5(1, size, 10) if name == "lenet5" else Resnet(1, width, depth, 10, True)
    x, label = torch.rand(batch, 1, size, size), torch.arange(batch) % 10
    if "cl" in mode.split("-"):
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    call = torch.compile(net) if "compile" in mode else net
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    def step():
        adam.zero_grad()
        F.cross_entropy(call(x), label).backward()
        adam.step()

    def inference():
        with torch.no_grad():
            call(x)

    steps = timed(step)
    net.eval()
    print(json.dumps({"net": name, "mode": mode, "threads": torch.get_num_threads(), "step_s_median": steps[len(steps) // 2],
                      "step_s_min": steps[0], "infer_s_min": timed(inference)[0]}))


if __name__ == "__main__":
    main()
