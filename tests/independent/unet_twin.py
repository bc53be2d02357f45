"""The U-Net's twin in PyTorch: same weights, same batches, same steps of Adam; compares curves of the loss.

usage: python3 unet_twin.py FOLDER
FOLDER (made by tests/test_twin.c) holds first.safetensors, pictures.npy, labels.npy and the curves direct, winograd, bf16 (a loss
a line). Fails if `direct` is not within 1e-4 of PyTorch for 20 steps, or is further from it at the end (mean of the last 20
steps) than twice what PyTorch is from itself with channels last.
"""
import json
import pathlib
import struct
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

WIDTH, DEPTH, BATCH, CLOSE_STEPS, LAST = 16, 2, 4, 20, 20


class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o)
        self.conv2, self.norm2 = nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o)

    def forward(self, x):
        return F.relu(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


class UNet(nn.Module):
    """Module names are those of our tensors, without their first word: unet.down0.conv1.weight is down0.conv1.weight here."""

    def __init__(self):
        super().__init__()
        c = [WIDTH * 2**i for i in range(DEPTH + 1)]
        for i in range(DEPTH + 1):
            self.add_module(f"down{i}", Block(1 if i == 0 else c[i - 1], c[i]))
        for i in range(DEPTH):
            self.add_module(f"up{i}", nn.ConvTranspose2d(c[i + 1], c[i], 2, 2))
            self.add_module(f"merge{i}", Block(2 * c[i], c[i]))
        self.head = nn.Conv2d(c[0], 1, 1)

    def forward(self, x):
        skip = []
        for i in range(DEPTH + 1):
            x = getattr(self, f"down{i}")(x)
            if i < DEPTH:
                skip.append(x)
                x = F.max_pool2d(x, 2)
        for i in reversed(range(DEPTH)):
            x = getattr(self, f"merge{i}")(torch.cat([skip[i], getattr(self, f"up{i}")(x)], 1))
        return self.head(x)


def safetensors(path):
    """Eight bytes of length, a JSON header, the numbers: https://huggingface.co/docs/safetensors."""
    data = path.read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    for name, t in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            a, b = t["data_offsets"]
            yield name, torch.from_numpy(np.frombuffer(data[begin + a:begin + b], "<f4").reshape(t["shape"]).copy())


def load(net, path):
    own = net.state_dict()
    ours = {name.removeprefix("unet."): t for name, t in safetensors(path)}
    net.load_state_dict({name: ours[name].reshape(t.shape) if name in ours else t for name, t in own.items()})
    missing = [name for name in own if name not in ours and "num_batches" not in name] + [n for n in ours if n not in own]
    if missing:
        sys.exit(f"tensors that only one side has: {missing}")


def train(folder, steps, layout):
    pictures, labels = (torch.from_numpy(np.load(folder / f"{name}.npy"))[:, None] for name in ("pictures", "labels"))
    net = UNet()
    load(net, folder / "first.safetensors")
    net = net.to(memory_format=layout)
    optimiser, losses = torch.optim.Adam(net.parameters(), 2e-4), []
    for step in range(steps):
        part = slice(step * BATCH % len(pictures), step * BATCH % len(pictures) + BATCH)
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(net(pictures[part].contiguous(memory_format=layout)), labels[part])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return np.array(losses)


def main():
    folder = pathlib.Path(sys.argv[1])
    curves = {name: np.loadtxt(folder / name) for name in ("direct", "winograd", "bf16")}
    plain, last = [train(folder, len(curves["direct"]), layout) for layout in (torch.contiguous_format, torch.channels_last)]
    curves["PyTorch, channels last"] = last
    early = {name: np.max(np.abs(c - plain)[:CLOSE_STEPS] / plain[:CLOSE_STEPS]) for name, c in curves.items()}
    late = {name: np.mean(np.abs(c - plain)[-LAST:] / plain[-LAST:]) for name, c in curves.items()}
    for name in curves:
        print(f"{name}: {early[name]:.1e} from PyTorch in {CLOSE_STEPS} steps, {late[name]:.1e} at step {len(plain)}")
    own = late["PyTorch, channels last"]
    if not (early["direct"] <= 1e-4 and late["direct"] <= 2 * own):
        sys.exit(1)


if __name__ == "__main__":
    main()
