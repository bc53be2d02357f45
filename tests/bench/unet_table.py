#!/usr/bin/env python3
"""unet_table.py - U-Net training and inference beside PyTorch's, every mode of both, alternating, in one session of one machine.

usage: unet_table.py PEERS BUILD [--python PYTHON] [--rounds N] [--nets 32/4,16/3,8/3] [--json FILE]

PEERS holds unet_torch.py; BUILD is our build folder. Without --python a throw-away virtual environment gets torch from
the package index. Prints a Markdown table. A ratio compares medians over the rounds of ours and of PyTorch's best mode of the
same kind (the mode with the least median step). A mode of PyTorch that was more than 15 % slower than the best of its kind in
the first round is not run again. Standard library only.
"""
import argparse
import itertools
import json
import pathlib
import re
import statistics
import sys
import tempfile

from side_by_side import OURS_ENV, last_json, machine, peers_python, run

NETS = {"32/4": ["32", "4", "8", "256", "none"], "16/3": ["16", "3", "16", "128", "batch"], "8/3": ["8", "3", "16", "128", "batch"]}
OURS = {"f32": ["auto", "auto-recompute"], "bf16": ["bf16", "bf16-recompute"]}
PEER = {"f32": ["f32", "f32-cl", "f32-compile"], "bf16": ["bf16", "bf16-cl", "bf16-compile"]}
TOO_SLOW = 1.15
# (net, what, kind of ours, kind of the peer, key, goal); ratios: peer / ours, for memory ours / peer
GOALS = [
    ("32/4", "step", "f32", "f32", "step_s_median", 3.2), ("32/4", "step", "bf16", "bf16", "step_s_median", 1.5),
    ("32/4", "step", "any", "any", "step_s_median", 1.6), ("16/3", "step", "f32", "f32", "step_s_median", 2.5),
    ("16/3", "step", "bf16", "bf16", "step_s_median", 1.7), ("8/3", "step", "f32", "f32", "step_s_median", 2),
    ("8/3", "step", "bf16", "bf16", "step_s_median", 1.7), ("32/4", "inference", "f32", "f32", "infer_s_min", 2.5),
    ("32/4", "inference", "any", "any", "infer_s_min", 1.25),
]
MEMORY = [("auto", "f32", .6), ("bf16", "bf16", .4), ("auto-recompute", "f32", .5), ("bf16-recompute", "bf16", .3)]


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][7:])
    parser.add_argument("peers", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--json", default="unet_table.json")
    return parser.parse_args()


def ours(args, net, mode, *threads):
    command = [str(args.build / "tests/bench_unet"), *NETS[net], mode, *threads]
    return last_json(run(command, args.build, **OURS_ENV))


def peer(args, net, mode):
    *shape, norm = NETS[net]
    return last_json(run([args.python, str(args.peers / "unet_torch.py"), *shape, mode, norm], args.build))


def median(found, key):
    return statistics.median(one[key] for one in found)


def worth_running(found, mode, modes):
    """The first round decides: what lost clearly then is not run again."""
    best = min(found[m][0]["step_s_median"] for m in modes if found[m])
    return found[mode][0]["step_s_median"] <= TOO_SLOW * best


def measure(args, net):
    """{mode: [one result a round]}, ours and PyTorch's by turns."""
    sides = {"ours " + m: (ours, m) for kind in OURS.values() for m in (kind if net == "32/4" else kind[:1])}
    sides |= {"peer " + m: (peer, m) for kind in PEER.values() for m in kind}
    found = {name: [] for name in sides}
    mine, theirs = [n for n in sides if n < "p"], [n for n in sides if n > "p"]
    order = [name for pair in itertools.zip_longest(mine, theirs) for name in pair if name]
    for turn in range(args.rounds):
        for name in order:
            kind = next((["peer " + m for m in modes] for modes in PEER.values() if name[5:] in modes), None)
            if turn and name.startswith("peer") and not worth_running(found, name, kind):
                continue
            call, mode = sides[name]
            found[name].append(call(args, net, mode))
            print(f"{net} {name}: step {found[name][-1]['step_s_median']:.4f} s, peak {found[name][-1]['peak_mib']:.0f} MiB", file=sys.stderr)
    return found


def best(found, who, kind, key):
    """Name of the fastest mode of a kind; ours without recomputation."""
    table = PEER if who == "peer" else {k: v[:1] for k, v in OURS.items()}
    modes = [m for k, v in table.items() if kind in ("any", k) for m in v]
    return min((who + " " + m for m in modes if found[who + " " + m]), key=lambda name: median(found[name], key))


def spread(found, key, digits=4):
    values = [one[key] for one in found]
    return f"{statistics.median(values):.{digits}g} ({min(values):.{digits}g} .. {max(values):.{digits}g})"


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def verdict(ratio, goal, at_least=True):
    reached = ratio >= goal if at_least else ratio <= goal
    return f"{'>=' if at_least else '<='} {goal}: " + ("reached" if reached else "**missed**")


def goal_rows(found, net):
    for _, what, mine, theirs, key, goal in (g for g in GOALS if g[0] == net):
        a, b = best(found, "ours", mine, key), best(found, "peer", theirs, key)
        ratio = median(found[b], key) / median(found[a], key)
        yield row(f"U-Net {net}, {what} (s), {'fastest' if mine == 'any' else mine}", f"{spread(found[a], key)} {a[5:]}",
                  f"{spread(found[b], key)} {b[5:]}", f"{ratio:.2f}", verdict(ratio, goal))


def memory_rows(found):
    for mode, kind, goal in MEMORY:
        least = min(("peer " + m for m in PEER[kind]), key=lambda name: median(found[name], "peak_mib"))
        mine = found["ours " + mode]
        ratio = median(mine, "peak_mib") / median(found[least], "peak_mib")
        yield row(f"U-Net 32/4, peak memory (MiB), {mode}", spread(mine, "peak_mib"), f"{spread(found[least], 'peak_mib')} {least[5:]}",
                  f"{ratio:.2f}", verdict(ratio, goal, False))
    for plain, again in OURS.values():
        ratio = median(found["ours " + again], "step_s_median") / median(found["ours " + plain], "step_s_median")
        yield row(f"U-Net 32/4, step (s), {again} / {plain}", spread(found["ours " + again], "step_s_median"), "", f"{ratio:.2f}",
                  verdict(ratio, 1.3, False))


def engine_rows(args, found):
    """Start-up, two threads against one, share of the measured FMA peak."""
    step = found["ours auto"]
    yield row("process start to the first training step (s), 32/4", spread(step, "setup_s"), "", "", verdict(median(step, "setup_s"), .3, False))
    pairs = [(ours(args, "32/4", "auto", "1"), ours(args, "32/4", "auto", "2")) for _ in range(3)]
    scaling = statistics.median(one["step_s_median"] / two["step_s_median"] for one, two in pairs)
    yield row("1 -> 2 threads, 32/4 f32", "", "", f"{scaling:.2f}", verdict(scaling, 1.9))
    texts = [run([str(args.build / "scopegrad"), "bench", "physics"], args.build) for _ in range(3)]
    peak = max(float(re.search(r"([0-9.]+) GFLOP/s", text).group(1)) for text in texts)
    rate = median(step, "flop") / median(step, "step_s_median") * 1e-9
    yield row("direct FLOP of a f32 step / measured FMA peak (GFLOP/s)", f"{rate:.0f}", f"peak {peak:.0f}", f"{rate / peak:.2f}", verdict(rate / peak, 2.2))


def main():
    args = arguments()
    args.build, args.peers = args.build.resolve(), args.peers.resolve()
    line, rows, found = machine(), [], {}
    with tempfile.TemporaryDirectory() as folder:
        args.python = args.python or peers_python(folder)
        for net in args.nets.split(","):
            found[net] = measure(args, net)
            rows += goal_rows(found[net], net)
            if net == "32/4":
                rows += [*memory_rows(found[net]), *engine_rows(args, found[net])]
    print(f"{line}; {args.rounds} rounds\n\n" + row("work", "ours: median (least .. most), mode", "PyTorch's best", "ratio", "goal") +
          "\n| --- | --- | --- | --- | --- |\n" + "\n".join(rows))
    every = [row(net, name, spread(runs, "step_s_median"), spread(runs, "infer_s_min"), spread(runs, "peak_mib"), str(len(runs)))
             for net in found for name, runs in found[net].items() if runs]
    print("\n" + row("net", "mode", "step (s)", "inference (s)", "peak (MiB)", "rounds") + "\n| --- | --- | --- | --- | --- | --- |\n" + "\n".join(every))
    pathlib.Path(args.json).write_text(json.dumps({"machine": line, "results": found}, indent=1))


if __name__ == "__main__":
    main()
