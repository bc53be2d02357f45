"""Metrics of test_class_metrics.c against scikit-learn, scikit-image and numpy: every number within 1e-6 (most to rounding).

python3 metrics_sklearn.py metrics.json"""
import json
import sys

import numpy as np
from skimage.measure import label
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from sklearn import metrics

compared, worst = 0, 0.0


def near(name, got, want):
    global compared, worst
    got, want = np.asarray(got, float), np.asarray(want, float)
    assert got.shape == want.shape, f"{name}: {got.shape}, not {want.shape}"
    same = (got == want) | (np.isfinite(got) & np.isfinite(want))
    with np.errstate(invalid="ignore"):  # infinity - infinity
        error = np.where(got == want, 0, np.abs(got - want)).max()
    assert same.all() and error <= 1e-6, f"{name}: {got}, not {want}"
    compared, worst = compared + got.size, max(worst, error)


def classification(c):
    truth, said, weight = np.array(c["truth"], int), np.array(c["predicted"], int), np.array(c["weight"])
    score = np.array(c["score"]).reshape(len(truth), -1)
    near("accuracy", c["accuracy"], metrics.accuracy_score(truth, said))
    near("balanced accuracy", c["balanced_accuracy"], metrics.balanced_accuracy_score(truth, said))
    near("f1", c["f1"], metrics.f1_score(truth, said, average="macro"))
    for one in c["classes"]:
        k = one["class"]
        t, p, s = truth == k, said == k, score[:, k]
        near("sensitivity", one["sensitivity"], metrics.recall_score(t, p))
        near("specificity", one["specificity"], metrics.recall_score(~t, ~p))
        near("ppv", one["ppv"], metrics.precision_score(t, p))
        near("npv", one["npv"], metrics.precision_score(~t, ~p))
        near("f1", one["f1"], metrics.f1_score(t, p))
        near("auc", one["auc"], metrics.roc_auc_score(t, s))
        near("average precision", one["average_precision"], metrics.average_precision_score(t, s))
        near("weighted auc", one["weighted_auc"], metrics.roc_auc_score(t, s, sample_weight=weight))
        near("weighted average precision", one["weighted_average_precision"],
             metrics.average_precision_score(t, s, sample_weight=weight))
        for name, curve in ("roc", metrics.roc_curve(t, s)), ("pr", metrics.precision_recall_curve(
                t, s, drop_intermediate=True)):
            x, y, threshold = curve if name == "roc" else (curve[1], curve[0], np.append(curve[2], np.inf))
            near(name + " x", one[name]["x"], x)
            near(name + " y", one[name]["y"], y)
            near(name + " threshold", one[name]["threshold"], threshold)


def average_precision(mask, truth, threshold):
    objects, found = [i for i in np.unique(truth) if i], label(mask > .5, connectivity=2)
    hits = sum(np.sum((truth == i) & (found == j)) / np.sum((truth == i) | (found == j)) > threshold + 1e-12
               for i in objects for j in range(1, found.max() + 1))
    return hits / (len(objects) + found.max() - hits)


def pictures(p):
    shape, span = (p["height"], p["width"]), p["range"]
    a, b, truth, mask = (np.array(p[k]).reshape(shape) for k in ("a", "b", "instances", "mask"))
    near("mse", p["mse"], mean_squared_error(a, b))
    near("psnr", p["psnr_db"], peak_signal_noise_ratio(a, b, data_range=span))
    near("ssim", p["ssim"], structural_similarity(a, b, data_range=span, gaussian_weights=True, sigma=1.5,
                                                  use_sample_covariance=False))
    near("jaccard", p["jaccard"], metrics.jaccard_score((truth > 0).ravel(), (mask > .5).ravel()))
    near("dice", p["dice"], metrics.f1_score((truth > 0).ravel(), (mask > .5).ravel()))
    near("ap", p["ap"], [average_precision(mask, truth, .5 + .05 * t) for t in range(10)])
    assert len(set(p["ap"])) > 4, "the pictures do not tell the thresholds apart"


with open(sys.argv[1]) as file:
    data = json.load(file)
classification(data["classification"])
pictures(data["pictures"])
print(f"# {compared} numbers, largest difference {worst:.2g}")
