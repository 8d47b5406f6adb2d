#!/usr/bin/env python3
"""Writes evaluation.json: scores by scikit-learn 1.9, intervals by scipy 1.17 and by definition."""
import json, pathlib
import numpy as np
from scipy import stats
from sklearn import metrics as m

rng = np.random.default_rng(20130102)

def delong(scores, truth, other=None):
    """Covariance of two areas, by the definition of DeLong et al. with all pairs."""
    def parts(s):
        x, y = s[truth == 1], s[truth == 0]
        wins = (x[:, None] > y[None]) + .5 * (x[:, None] == y[None])
        return wins.mean(1), wins.mean(0)
    a10, a01 = parts(scores)
    b10, b01 = parts(scores if other is None else other)
    return float(np.cov(a10, b10)[0, 1] / len(a10) + np.cov(a01, b01)[0, 1] / len(a01))

def classifier(n, k, sharpness, decimals):
    truth = rng.integers(0, k, n) if k > 2 else (rng.uniform(size=n) < .3).astype(int)
    raw = rng.normal(size=(n, k))
    raw[np.arange(n), truth] += sharpness
    p = np.exp(raw) / np.exp(raw).sum(1, keepdims=True)
    p = np.round(p, decimals)
    p[:, -1] = 1 - p[:, :-1].sum(1)
    p = np.clip(p, 0, 1)
    answer = p.argmax(1)
    per = lambda f: [float(v) for v in f(truth, answer, average=None, labels=range(k), zero_division=0)]
    case = {
        "classes": k, "truths": truth.tolist(), "answers": answer.tolist(), "probabilities": p.ravel().tolist(),
        "accuracy": m.accuracy_score(truth, answer), "balanced": m.balanced_accuracy_score(truth, answer),
        "precision": per(m.precision_score), "recall": per(m.recall_score), "f1": per(m.f1_score),
        "macroF1": m.f1_score(truth, answer, average="macro", zero_division=0),
        "weightedF1": m.f1_score(truth, answer, average="weighted", zero_division=0),
        "confusion": m.confusion_matrix(truth, answer, labels=range(k)).ravel().tolist(),
        "logLoss": m.log_loss(truth, p, labels=range(k)),
        "brier": float(((p[:, 1] - truth) ** 2).mean()) if k == 2 else
                 float(((p - np.eye(k)[truth]) ** 2).sum(1).mean()),
    }
    if k == 2:
        s, other = p[:, 1], np.round(np.clip(p[:, 1] + rng.normal(size=n) * .1, 0, 1), decimals)
        case |= {"rocAUC": m.roc_auc_score(truth, s), "averagePrecision": m.average_precision_score(truth, s),
                 "aucVariance": delong(s, truth), "other": other.tolist(),
                 "otherAUC": m.roc_auc_score(truth, other), "aucCovariance": delong(s, truth, other),
                 "sklearnBrier": m.brier_score_loss(truth, s)}
        edges = np.minimum((s * 10).astype(int), 9)
        case["ece"] = float(sum(abs(s[edges == b].mean() - truth[edges == b].mean()) * (edges == b).mean()
                                for b in range(10) if (edges == b).any()))
    return case

def regression(n):
    y = rng.normal(size=n) * 3 + 1
    a = y + rng.normal(size=n) * .8 + .1
    e = abs(a - y)
    return {"truths": y.tolist(), "answers": a.tolist(), "mae": m.mean_absolute_error(y, a),
            "rmse": m.root_mean_squared_error(y, a), "r2": m.r2_score(y, a), "bias": float((a - y).mean()),
            "maeInterval": list(stats.t.interval(.95, n - 1, e.mean(), stats.sem(e)))}

def bonett_price(b, c, n, conf):
    p, q = (b + 1) / (n + 2), (c + 1) / (n + 2)
    half = stats.norm.ppf(.5 + conf / 2) * ((p + q - (p - q) ** 2) / (n + 2)) ** .5
    return [b, c, n, conf, p - q - half, p - q + half]

out = {
    "classifiers": [classifier(120, 2, 1.2, 12), classifier(200, 2, .5, 1), classifier(150, 4, 1.5, 12)],
    "regressions": [regression(80), regression(7)],
    "studentT": [[p, n, stats.t.ppf(p, n)] for p in (.001, .025, .4, .5, .8, .975, .9999) for n in (1, 2, 7, 63, 9999)],
    "pairedShares": [bonett_price(b, c, n, .95) for b, c, n in ((3, 9, 100), (0, 0, 20), (40, 12, 1000))],
}
g = rng.integers(0, 3, 300)
t = (rng.uniform(size=300) < .4).astype(int)
a = (rng.uniform(size=300) < .3 + .1 * g).astype(int)
rate = lambda mask: [float(a[(g == k) & mask].mean()) for k in range(3)]
spread = lambda r: max(r) - min(r)
out["fairness"] = {"groups": g.tolist(), "truths": t.tolist(), "answers": a.tolist(),
                   "parity": spread(rate(np.ones(300, bool))), "odds": max(spread(rate(t == 1)), spread(rate(t == 0)))}
path = pathlib.Path(__file__).with_name("evaluation.json")
path.write_text(json.dumps(out))
print(path.stat().st_size)
