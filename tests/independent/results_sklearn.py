"""The metrics of a classification (loss.class_weight none) in results.h5 against scikit-learn, from the probabilities that stand there too.

python3 results_sklearn.py results.h5"""
import sys

import h5py
import numpy as np
from sklearn import metrics

with h5py.File(sys.argv[1]) as file:
    m = file["metrics"]
    names = [n.decode() for n in m["per_class/name"][()]]
    truth, predicted = m["per_image/truth"][()], m["per_image/predicted"][()]
    probability = m["per_image/probability"][()].astype(float)
    binary = np.eye(len(names), dtype=int)[truth]
    want = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        "loss": metrics.log_loss(truth, probability / probability.sum(1, keepdims=True), labels=range(len(names))),
        "f1": metrics.f1_score(truth, predicted, average="macro"),
        "auc": metrics.roc_auc_score(binary, probability, average="macro"),
        "average_precision": metrics.average_precision_score(binary, probability, average="macro"),
        "confusion": metrics.confusion_matrix(truth, predicted),
        "per_class/sensitivity": metrics.recall_score(truth, predicted, average=None),
        "per_class/ppv": metrics.precision_score(truth, predicted, average=None, zero_division=np.nan),
        "per_class/f1": metrics.f1_score(truth, predicted, average=None),
        "per_class/auc": metrics.roc_auc_score(binary, probability, average=None),
        "per_class/count": np.bincount(truth, minlength=len(names)),
    }
    for k, name in enumerate(names):
        rates = metrics.roc_curve(binary[:, k], probability[:, k])
        for path, value in zip(("false_positive_rate", "true_positive_rate", "threshold"), rates):
            want[f"roc/{name}/{path}"] = value
    for path, value in want.items():
        got = m[path][()]
        assert np.shape(got) == np.shape(value), f"{path}: {got}, not {value}"
        assert np.allclose(got, value, rtol=0, atol=1e-6, equal_nan=True), f"{path}: {got}, not {value}"
print(f"# {len(want)} paths agree with scikit-learn")
