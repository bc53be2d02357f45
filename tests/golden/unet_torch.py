"""Writes the golden files of tests/test_unet.c with PyTorch: usage: python3 unet_torch.py (in tests/golden).

A golden file is text lines "name n c h w", a line "end", then the tensors as little-endian float32 in that order.
  unet_<case>.golden       parameters, input, label, logits, losses, every gradient, running statistics after the step
  optimiser_<kind>.golden  two parameters pulled to a target (mean squared difference) for 5 steps, the first with decay
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def write(path, tensors):
    with open(path, "wb") as f:
        for name, t in tensors:
            shape = (1,) * (4 - t.dim()) + tuple(t.shape)
            f.write(("%s %d %d %d %d\n" % ((name,) + shape)).encode())
        f.write(b"end\n")
        for _, t in tensors:
            f.write(t.detach().to(torch.float32).contiguous().numpy().astype("<f4").tobytes())


class Block(nn.Module):
    def __init__(self, i, o, norm, slope):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)
        self.norm1, self.norm2 = (nn.BatchNorm2d(o), nn.BatchNorm2d(o)) if norm else (None, None)
        self.slope = slope

    def forward(self, x):
        for conv, norm in ((self.conv1, self.norm1), (self.conv2, self.norm2)):
            x = conv(x)
            x = F.leaky_relu(norm(x) if norm else x, self.slope)
        return x


class UNet(nn.Module):
    def __init__(self, inputs, width, depth, outputs, norm, bilinear, slope):
        super().__init__()
        c = [width * 2**i for i in range(depth + 1)]
        self.depth, self.bilinear = depth, bilinear
        for i in range(depth + 1):
            self.add_module("down%d" % i, Block(inputs if i == 0 else c[i - 1], c[i], norm, slope))
        for i in range(depth):
            up = nn.Conv2d(c[i + 1], c[i], 3, padding=1) if bilinear else nn.ConvTranspose2d(c[i + 1], c[i], 2, 2)
            self.add_module("up%d" % i, up)
            self.add_module("merge%d" % i, Block(2 * c[i], c[i], norm, slope))
        self.head = nn.Conv2d(c[0], outputs, 1)

    def forward(self, x):
        skip = []
        for i in range(self.depth + 1):
            x = getattr(self, "down%d" % i)(x)
            if i < self.depth:
                skip.append(x)
                x = F.max_pool2d(x, 2)
        for i in reversed(range(self.depth)):
            if self.bilinear:
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = getattr(self, "merge%d" % i)(torch.cat([skip[i], getattr(self, "up%d" % i)(x)], 1))
        return self.head(x)


def single(t):
    """Rounded to float32, as it is stored."""
    return t.detach().to(torch.float32).to(torch.float64)


def column(name, t):
    """Vectors of channels are (1, c, 1, 1)."""
    return (name, t.reshape(1, -1, 1, 1) if t.dim() == 1 else t)


def unet(case, inputs, width, depth, outputs, norm, bilinear, slope, n, h, w):
    torch.manual_seed(7)
    net = UNet(inputs, width, depth, outputs, norm, bilinear, slope)
    tensors = []
    with torch.no_grad():
        for name, t in list(net.named_parameters()) + list(net.named_buffers()):
            if "num_batches" in name:
                continue
            if "norm" in name:
                t.copy_(torch.rand_like(t) + .5)
            t.copy_(single(t))
            tensors.append(column("unet." + name, t.clone()))
    x = single(torch.randn(n, inputs, h, w)).requires_grad_()
    label = (torch.rand(n, outputs, h, w) > .5).double()
    logits = net(x)
    p = torch.sigmoid(logits)
    bce = F.binary_cross_entropy_with_logits(logits, label)
    dice = 1 - (2 * (p * label).sum() + 1) / (p.sum() + label.sum() + 1)
    (.75 * bce + .5 * dice).backward()
    tensors += [("x", x), ("label", label), ("logits", logits), ("loss", .75 * bce + .5 * dice), ("grad.x", x.grad)]
    tensors += [column("grad.unet." + name, t.grad) for name, t in net.named_parameters()]
    tensors += [column("after.unet." + name, t) for name, t in net.named_buffers() if "running" in name]
    write("unet_%s.golden" % case, tensors)


def optimiser(kind, make, clip=0):
    torch.manual_seed(3)
    p = [single(torch.randn(1, 1, 5, 7)).requires_grad_(), single(torch.randn(1, 3, 1, 1)).requires_grad_()]
    target = [single(torch.randn(1, 1, 5, 7)), single(torch.randn(1, 3, 1, 1))]
    tensors = [("a", p[0].clone()), ("b", p[1].clone()), ("target_a", target[0]), ("target_b", target[1])]
    steps = make([{"params": [p[0]]}, {"params": [p[1]], "weight_decay": 0}])
    for _ in range(5):
        steps.zero_grad()
        sum(((u - v) ** 2).mean() for u, v in zip(p, target)).backward()
        if clip:
            nn.utils.clip_grad_norm_(p, clip)
        steps.step()
        tensors += [("a%d" % (_ + 1), p[0].detach().clone()), ("b%d" % (_ + 1), p[1].detach().clone())]
    write("optimiser_%s.golden" % kind, tensors)


unet("batch_transposed", 1, 4, 2, 1, True, False, 0, 2, 8, 12)
unet("none_bilinear", 2, 3, 1, 2, False, True, .1, 3, 6, 10)
optimiser("sgd", lambda p: torch.optim.SGD(p, .3, momentum=.9, weight_decay=.05))
optimiser("adam", lambda p: torch.optim.Adam(p, .1, weight_decay=.05))
optimiser("adamw", lambda p: torch.optim.AdamW(p, .1, weight_decay=.05))
optimiser("sgd_clipped", lambda p: torch.optim.SGD(p, .3, momentum=.9), clip=.5)
