#!/usr/bin/env python3
"""side_by_side.py - our benchmarks beside the peers' scripts, alternating, in one session of one machine.

usage: side_by_side.py PEERS BUILD [--python PYTHON] [--rounds N] [--only NAME,...] [--json FILE] [--max-seconds S]

PEERS holds led_torch.py, led_jax.py, sensor_torch.py and unet_torch.py; BUILD is our build folder. Without --python a
throw-away virtual environment gets torch and jax from the package index. Prints a Markdown table: medians over the rounds, spread
(least to most), ratio of the medians. Standard library only. --processor-time: one thread on both sides, clocks count
processor seconds, which other programs hardly disturb; for a machine that is not quiet.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

LED, UNET = ["8", "81", "256", "128"], ["32", "4", "8", "256"]
JOINT = ["--set", "sample.size_px=512", "--set", "network.width=32", "--set", "network.depth=4"]
TWIN, LENET, RESNET = str(pathlib.Path(__file__).resolve().parent / "classifier_torch.py"), ["64", "28", "16", "3"], ["64", "32", "16", "3"]
OURS_ENV = {"GOMP_SPINCOUNT": "1000"}  # what the command scopegrad gives itself (README.md)
# name: our command, the peer's command, [(row, key, more is better, goal as a ratio)]
PAIRS = {
    "camera": (["tests/bench_camera"], ["sensor_torch.py"], [
        ("camera, Gaussian, forward (Mpx/s)", "gaussian_forward", True, 12),
        ("camera, Gaussian, forward + backward (Mpx/s)", "gaussian_both", True, 12),
        ("camera, Poisson, forward (Mpx/s)", "poisson_forward", True, 10)]),
    "led": (["tests/bench_led", *LED], ["led_torch.py", *LED], [
        ("LED array 8 x 81, 256 -> 128, forward (us/field)", "us_per_field_forward", False, None),
        ("LED array 8 x 81, 256 -> 128, forward + backward (us/field)", "us_per_field_both", False, 15)]),
    "led_jax": (["tests/bench_led", *LED], ["led_jax.py", *LED], [
        ("LED array 8 x 81, 256 -> 128, forward (us/field), JAX", "us_per_field_forward", False, None),
        ("LED array 8 x 81, 256 -> 128, forward + backward (us/field), JAX", "us_per_field_both", False, 5)]),
    "unet": (["tests/bench_unet", *UNET, "none"], ["unet_torch.py", *UNET, "f32-cl", "none"], [
        ("U-Net 32/4, 8 x 256 x 256, step (s), PyTorch channels-last", "step_s_median", False, 1),
        ("U-Net 32/4, inference (s), PyTorch channels-last", "infer_s_min", False, None)]),
    "unet_f32": (["tests/bench_unet", *UNET, "none"], ["unet_torch.py", *UNET, "f32", "none"], [
        ("U-Net 32/4, 8 x 256 x 256, step (s), PyTorch NCHW", "step_s_median", False, 1)]),
}
for _name, _shape in (("lenet5", LENET), ("resnet", RESNET)):
    for _mode in ("f32", "f32-cl", "f32-compile"):
        PAIRS[_name + _mode[3:]] = (["tests/bench_classifier", _name, *_shape], [TWIN, _name, *_shape, _mode], [
            (f"{_name}, {_shape[0]} x {_shape[1]} x {_shape[1]}, step (s), PyTorch {_mode}, {_key[7:]}", _key, False, 3 if _name == "lenet5" else None)
            for _key in ("step_s_median", "step_s_min")])


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("peers", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="help,camera,led,led_jax,unet,unet_f32,physics")
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--json", default="side_by_side.json")
    parser.add_argument("--max-seconds", type=float, default=1e9)
    return parser.parse_args()


def peers_python(folder):
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = os.path.join(folder, "bin", "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "torch", "jax"], check=True)
    return python


def machine():
    text = subprocess.run(["lscpu"], capture_output=True, text=True).stdout
    model = re.search(r"Model name:\s*(.*)", text)
    widest = "AVX-512" if "avx512f" in text else "AVX2" if "avx2" in text else "no AVX2"
    return (f"{model.group(1) if model else 'unknown processor'}, {len(os.sched_getaffinity(0))} cores, {widest}, "
            f"load at the start {os.getloadavg()[0]:.1f}")


def run(command, folder, **variables):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, **variables})
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def last_json(text):
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])


def pair(name, args, python, end):
    """Ours, peer, ours, peer, ...: what disturbs one side disturbs the other."""
    ours, peer, _ = PAIRS[name]
    found = {"ours": [], "peer": []}
    for _ in range(args.rounds):
        if time.monotonic() > end and found["ours"]:
            break
        found["ours"].append(last_json(run([str(args.build / ours[0]), *ours[1:]], args.build, **OURS_ENV)))
        found["peer"].append(last_json(run([python, str(args.peers / peer[0]), *peer[1:]], args.build)))
    return found


def text_of(values):
    return f"{statistics.median(values):.4g} ({min(values):.4g} .. {max(values):.4g})"


def pair_rows(name, found):
    for row, key, more, goal in PAIRS[name][2]:
        ours, peer = [[side[key] for side in found[who]] for who in ("ours", "peer")]
        ratio = statistics.median(ours) / statistics.median(peer)
        ratio = ratio if more else 1 / ratio
        verdict = "" if goal is None else f">= {goal}: " + ("reached" if ratio >= goal else "MISSED")
        yield f"| {row} | {text_of(ours)} | {text_of(peer)} | {ratio:.2f} | {verdict} | {len(ours)} |"


def help_times(args):
    times = []
    for _ in range(max(20, args.rounds)):
        start = time.perf_counter()
        run([str(args.build / "scopegrad"), "--help"], args.build)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def physics_shares(args, end):
    shares = []
    for _ in range(args.rounds):
        if time.monotonic() > end and shares:
            break
        text = run([str(args.build / "scopegrad"), "bench", "--steps", "3", *JOINT], args.build)
        shares.append(float(re.search(r"physics: ([0-9.]+) %", text).group(1)))
    return shares


def limit_row(row, values, limit):
    verdict = "reached" if statistics.median(values) < limit else "MISSED"
    return f"| {row} | {text_of(values)} | | | < {limit}: {verdict} | {len(values)} |"


def main():
    args = arguments()
    args.build, args.peers = args.build.resolve(), args.peers.resolve()
    end, only, results, rows = time.monotonic() + args.max_seconds, args.only.split(","), {}, []
    line = machine()
    if args.processor_time:
        os.environ.update(OMP_NUM_THREADS="1", LD_PRELOAD=str(args.build / "tests/processor_clock.so"))
        line += "; 1 thread on both sides, processor seconds"
    with tempfile.TemporaryDirectory() as folder:
        python = args.python or (peers_python(folder) if any(name in PAIRS for name in only) else None)
        for name in only:
            if name == "help":
                results[name] = help_times(args)
                rows.append(limit_row("scopegrad --help (ms)", results[name], 20))
            elif name == "physics":
                results[name] = physics_shares(args, end)
                rows.append(limit_row("physics in the joint step, U-Net 32/4, 512 -> 256 (%)", results[name], 10))
            else:
                results[name] = pair(name, args, python, end)
                rows.extend(pair_rows(name, results[name]))
            print(rows[-1], file=sys.stderr)
    print(f"{line}\n\n| work | ours: median (least .. most) | PyTorch or JAX | times better | goal | rounds |\n"
          "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows))
    pathlib.Path(args.json).write_text(json.dumps({"machine": line, "results": results}, indent=1))


if __name__ == "__main__":
    main()
