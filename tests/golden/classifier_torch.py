"""Writes the golden files of tests/test_classifier.c with PyTorch: usage: python3 classifier_torch.py (in tests/golden).

classifier_<case>.golden: parameters, input, label, logits, loss, every gradient, running statistics after the step; the
format is that of unet_torch.py. lenet5() and Resnet are the networks of nn/classifier.c, also for tests/bench.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F


def lenet5(inputs, size, classes):
    left = ((size // 2) - 4) // 2
    net = nn.Sequential()
    for name, layer in [("conv1", nn.Conv2d(inputs, 6, 5, padding=2)), ("relu1", nn.ReLU()), ("pool1", nn.MaxPool2d(2)),
                        ("conv2", nn.Conv2d(6, 16, 5)), ("relu2", nn.ReLU()), ("pool2", nn.MaxPool2d(2)), ("flat", nn.Flatten()),
                        ("dense1", nn.Linear(16 * left * left, 120)), ("relu3", nn.ReLU()), ("dense2", nn.Linear(120, 84)),
                        ("relu4", nn.ReLU()), ("dense3", nn.Linear(84, classes))]:
        net.add_module(name, layer)
    return net


def norm_of(channels, norm):
    return nn.BatchNorm2d(channels) if norm else nn.Identity()


class Block(nn.Module):
    def __init__(self, i, o, norm):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(i, o, 3, padding=1), norm_of(o, norm)
        self.conv2, self.norm2 = nn.Conv2d(o, o, 3, padding=1), norm_of(o, norm)
        if i != o:
            self.join, self.join_norm = nn.Conv2d(i, o, 1), norm_of(o, norm)

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + (self.join_norm(self.join(x)) if hasattr(self, "join") else x))


class Resnet(nn.Module):
    def __init__(self, inputs, width, depth, classes, norm):
        super().__init__()
        self.stem, self.stem_norm, self.depth = nn.Conv2d(inputs, width, 3, padding=1), norm_of(width, norm), depth
        for s in range(depth):
            blocks = nn.Module()
            for b in range(2):
                blocks.add_module("block%d" % b, Block(width << (s - 1) if s and not b else width << s, width << s, norm))
            self.add_module("stage%d" % s, blocks)
        self.head = nn.Linear(width << (depth - 1), classes)

    def forward(self, x):
        x = F.relu(self.stem_norm(self.stem(x)))
        for s in range(self.depth):
            stage = getattr(self, "stage%d" % s)
            x = stage.block1(stage.block0(F.max_pool2d(x, 2) if s else x))
        return self.head(x.mean((2, 3)))


def write(path, tensors):
    with open(path, "wb") as f:
        for name, t in tensors:
            f.write(("%s %d %d %d %d\n" % ((name,) + tuple(t.shape))).encode())
        f.write(b"end\n")
        for _, t in tensors:
            f.write(t.detach().to(torch.float32).contiguous().numpy().astype("<f4").tobytes())


def single(t):
    """Rounded to float32, as it is stored."""
    return t.detach().to(torch.float32).to(torch.float64)


def four(t, flat):
    """The shapes of nn/layers.h: vectors are (1, c, 1, 1), a Linear's weight (o, c, h, w) of what it flattens."""
    if t.dim() == 1:
        return t.reshape(1, -1, 1, 1)
    return t.reshape(t.shape[0], *(flat if flat and t.shape[1] == flat[0] * flat[1] * flat[2] else (t.shape[1], 1, 1))) if t.dim() == 2 else t


def case(name, net, flat, n, c, h, classes):
    tensors = []
    with torch.no_grad():
        for key, t in list(net.named_parameters()) + list(net.named_buffers()):
            if "num_batches" in key:
                continue
            if "norm" in key:
                t.copy_(torch.rand_like(t) + .5)
            t.copy_(single(t))
            tensors.append(("classifier." + key, four(t.clone(), flat)))
    x = single(torch.randn(n, c, h, h)).requires_grad_()
    label = torch.randint(0, classes, (n,))
    weight = single(torch.rand(classes) + .5)
    logits = net(x)
    loss = F.cross_entropy(logits, label, weight)
    loss.backward()
    tensors += [("x", x), ("label", label.reshape(n, 1, 1, 1)), ("weight", weight.reshape(1, classes, 1, 1)),
                ("logits", logits.reshape(n, classes, 1, 1)), ("loss", loss.reshape(1, 1, 1, 1)), ("grad.x", x.grad)]
    tensors += [("grad.classifier." + key, four(t.grad, flat)) for key, t in net.named_parameters()]
    tensors += [("after.classifier." + key, four(t, flat)) for key, t in net.named_buffers() if "running" in key]
    write("classifier_%s.golden" % name, tensors)


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(11)
    case("lenet5", lenet5(2, 16, 4), (16, 2, 2), 3, 2, 16, 4)
    case("resnet", Resnet(1, 4, 2, 3, True), None, 4, 1, 10, 3)
    case("resnet_plain", Resnet(3, 3, 3, 2, False), None, 2, 3, 9, 2)
