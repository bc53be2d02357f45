"""Writes metrics_golden.h: numbers of SciPy and scikit-image that tests/test_metrics.c and tests/test_statistics.c compare
with. Run: python3 make_metrics.py > metrics_golden.h (needs numpy, scipy, scikit-image)."""
import numpy as np
from scipy import stats
from skimage.measure import label


def word(i, salt):
    """The same integer hash as in test_metrics.c."""
    x = (np.asarray(i, np.uint64) * 2654435761 + salt * 40503) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 2246822519) & 0xFFFFFFFF
    return x ^ (x >> 13)


def picture(h, w, salt, percent):
    return (word(np.arange(h * w), salt) % 100 < percent).reshape(h, w)


def blobs(h, w, salt, count, radius):
    """Numbered discs, later ones on top."""
    out = np.zeros((h, w), int)
    y, x = np.mgrid[:h, :w]
    for k in range(count):
        cy, cx = int(word(2 * k, salt) % h), int(word(2 * k + 1, salt) % w)
        out[(y - cy) ** 2 + (x - cx) ** 2 <= radius * radius] = k + 1
    return out


def matches(mask, truth):
    component = label(mask, connectivity=2)
    found = 0
    for t in np.unique(truth[truth > 0]):
        for c in range(1, component.max() + 1):
            a, b = truth == t, component == c
            found += 2 * (a & b).sum() > (a | b).sum()
    return found, component.max() - found, len(np.unique(truth[truth > 0])) - found


def table(name, rows, kind, columns):
    print(f"static const {kind} {name}[][{columns}] = {{")
    for row in rows:
        print("    {" + ", ".join(repr(v) for v in row) + "},")
    print("};")


print("/* Written by make_metrics.py; do not edit. */")
rows = []
for h, w, salt, percent in [(7, 5, 1, 50), (16, 16, 2, 30), (33, 29, 3, 45), (64, 48, 4, 60), (50, 1, 5, 50), (1, 50, 6, 50)]:
    lab = label(picture(h, w, salt, percent), connectivity=2)
    rows.append((h, w, salt, percent, int(lab.max()), int((lab * (1 + np.arange(h * w).reshape(h, w) % 7)).sum())))
table("golden_components", rows, "int", 6)
rows = []
for h, w, salt, count, radius, dy, dx in [(64, 64, 11, 12, 5, 1, 1), (64, 48, 12, 9, 4, 2, 1), (41, 77, 13, 20, 6, 0, 0), (64, 64, 14, 10, 5, 4, 4)]:
    truth = blobs(h, w, salt, count, radius)
    mask = np.zeros((h, w), bool)
    mask[dy:, dx:] = truth[: h - dy, : w - dx] > 0
    both = int((mask & (truth > 0)).sum())
    rows.append((h, w, salt, count, radius, dy, dx, *map(int, matches(mask, truth)), both, int(mask.sum()), int((truth > 0).sum())))
table("golden_matches", rows, "int", 13)
table("golden_student", [(t, f, float(2 * stats.t.sf(abs(t), f))) for t in (0.0, 0.3, 1.0, 2.5, 7.0, 40.0) for f in (1, 2, 4, 9, 30)], "double", 3)
a = np.array([.751, .742, .760, .733, .755, .748, .761])
b = np.array([.744, .739, .741, .735, .750, .742, .752])
rows = []
for n in (2, 3, 5, 7):
    test = stats.ttest_rel(a[:n], b[:n])
    flip = stats.permutation_test((a[:n], b[:n]), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True, n_resamples=np.inf)
    rows.append((float(n), float((a[:n] - b[:n]).mean()), float(test.statistic), float(test.pvalue), float(flip.pvalue)))
table("golden_paired", rows, "double", 5)
