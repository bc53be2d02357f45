#!/usr/bin/env python3
"""loader_torch.py - the peer of bench_loader: PyTorch's DataLoader over the same folder, with the same augmentation.

usage: loader_torch.py FOLDER CROP [WORKERS [EPOCHS]]

Batches of 16 random crops, flips and quarter turns of picture and mask, float32. tiff: tifffile reads each picture when
it is wanted; memmap: pictures and masks lie decoded in two .npy files (made here when missing, not counted). One line of
JSON: pictures a second, the best of EPOCHS; the first batches, with which the workers start, are not counted.
"""
import json
import pathlib
import sys
import time

import numpy as np
import tifffile
import torch
from torch.utils.data import DataLoader, Dataset

BATCH = 16


class Pairs(Dataset):
    def __init__(self, folder, crop, memmap):
        names = sorted(p.name for p in (folder / "images").iterdir())
        self.folder, self.crop, self.names, self.arrays = folder, crop, names, None
        if memmap:
            self.arrays = [self.decoded(kind) for kind in ("images", "labels")]

    def decoded(self, kind):
        path = self.folder / f"{kind}.npy"
        if not path.exists():
            np.save(path, np.stack([tifffile.imread(self.folder / kind / n) for n in self.names]))
        return np.load(path, mmap_mode="r")

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        if self.arrays:
            image, label = self.arrays[0][i], self.arrays[1][i]
        else:
            image, label = (tifffile.imread(self.folder / kind / self.names[i]) for kind in ("images", "labels"))
        y, x, how = (int(torch.randint(0, n, ())) for n in (image.shape[0] - self.crop + 1,
                                                            image.shape[1] - self.crop + 1, 8))
        out = []
        for plane in (image, label):
            part = plane[y:y + self.crop, x:x + self.crop]
            part = part[::-1] if how & 1 else part
            part = part[:, ::-1] if how & 2 else part
            out.append(part.T if how & 4 else part)
        image = np.ascontiguousarray(out[0], dtype=np.float32) / np.float32(65535)
        return torch.from_numpy(image[None]), torch.from_numpy((out[1] > 0).astype(np.float32, order="C")[None])


def rate(folder, crop, workers, epochs, memmap):
    loader = DataLoader(Pairs(folder, crop, memmap), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers,
                        pin_memory=False, persistent_workers=workers > 0)
    best = float("inf")
    for _ in range(epochs):
        batches = iter(loader)
        for _ in range(max(2, 2 * workers)):
            next(batches)
        count, start = 0, time.perf_counter()
        for image, _ in batches:
            count += len(image)
        best = min(best, (time.perf_counter() - start) / count)
    return 1 / best


def main():
    folder, crop = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    workers, epochs = (int(a) for a in (sys.argv[3:] + ["0", "2"])[:2]) if len(sys.argv) > 4 else (
        int(sys.argv[3]) if len(sys.argv) > 3 else 0, 2)
    torch.set_num_threads(1)
    print(json.dumps({kind: rate(folder, crop, workers, epochs, kind == "memmap") for kind in ("tiff", "memmap")}))


if __name__ == "__main__":
    main()
