#!/usr/bin/env python3
"""Writes rows with three classes and what scikit-learn measures of them.

The columns a, b and c are a model's probabilities: the test's model gives them back. Needs numpy
and scikit-learn.
"""
import json
import pathlib

import numpy as np
from sklearn import metrics as m

here = pathlib.Path(__file__).resolve().parent
rng = np.random.default_rng(7)
names = np.array(["ant", "bee", "cat"])
rows = 80
truth = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
scores = np.round(rng.random((rows, 3)) + 0.35 * np.eye(3)[truth], 2)
p = scores / scores.sum(axis=1, keepdims=True)
answers = p.argmax(axis=1)
number = np.round(rng.normal(10, 4, rows), 2)

with open(here / "classes.csv", "w") as file:
    file.write("a,b,c,kind,number\n")
    for row in range(rows):
        file.write(",".join(repr(float(x)) for x in p[row]))
        file.write(f",{names[truth[row]]},{number[row]}\n")

one_hot = np.eye(3)[truth]
figures = {
    "accuracy": m.accuracy_score(truth, answers),
    "balanced_accuracy": m.balanced_accuracy_score(truth, answers),
    "roc_auc": m.roc_auc_score(truth, p, multi_class="ovr", average="macro"),
    "pr_auc": m.average_precision_score(one_hot, p, average="macro"),
    "log_loss": m.log_loss(truth, p),
    "brier": float(((p - one_hot) ** 2).sum(axis=1).mean()),
}
for kind in "macro", "weighted":
    figures[f"precision_{kind}"] = m.precision_score(truth, answers, average=kind)
    figures[f"recall_{kind}"] = m.recall_score(truth, answers, average=kind)
    figures[f"f1_{kind}"] = m.f1_score(truth, answers, average=kind)
sure = p.max(axis=1)
bins = np.minimum(9, (sure * 10).astype(int))
hit = answers == truth
figures["calibration_error"] = float(
    sum(abs(sure[bins == b].sum() - hit[bins == b].sum()) for b in range(10)) / rows)
# A regression that answers 20 times the column a.
guess = 20 * p[:, 0]
regression = {
    "mae": m.mean_absolute_error(number, guess),
    "rmse": m.mean_squared_error(number, guess) ** 0.5,
    "r2": m.r2_score(number, guess),
    "bias": float((guess - number).mean()),
}
with open(here / "classes.json", "w") as file:
    json.dump(
        {
            "figures": {k: float(v) for k, v in figures.items()},
            "confusion": m.confusion_matrix(truth, answers).tolist(),
            "regression": {k: float(v) for k, v in regression.items()},
        }, file, indent=1)
    file.write("\n")
