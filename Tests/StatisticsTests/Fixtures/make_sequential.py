#!/usr/bin/env python3
"""Writes sequential.json: reference values for the sequential tests.

Likelihoods come from scipy's binomial law (scipy 1.17), pair by pair products from exact fractions:
neither knows the closed forms that the module computes.
"""
import json, pathlib
from fractions import Fraction
import numpy as np
from scipy import stats
from scipy.special import logsumexp

rng = np.random.default_rng(20130101)
RATIOS = [1.1, 1.25, 1.5, 2, 3, 5, 8]
EXACT = [Fraction(11, 10), Fraction(5, 4), Fraction(3, 2), 2, 3, 5, 8]


def q(w, r):
    return w * r / (w * r + 1 - w)


def weights(epochs, planned):
    """The restarts' weights and what is left for epochs that have not begun."""
    half = Fraction(1, 2)
    if planned == 0:
        later = [half / (k * (k + 1)) for k in range(1, epochs)]
    else:
        later = [half * Fraction(9, 10) / planned] * min(planned, epochs - 1)
        later += [half / 10 / (j * (j + 1)) for j in range(1, epochs - planned)]
    return [half] + later, half - sum(later)


def e_process(epochs, tolerance, planned, fewer):
    """ln E of epochs (share, candidate's events, stable's events) by the binomial law."""
    if fewer:
        epochs = [(1 - w, s, c) for w, c, s in epochs]
        tolerance = 1 / tolerance
    pi, cash = weights(len(epochs), planned)
    terms = [np.log(float(cash))]
    for k, weight in enumerate(pi):
        for r in RATIOS:
            log = sum(stats.binom.logpmf(c, c + s, q(w, r * tolerance)) - stats.binom.logpmf(c, c + s, q(w, tolerance))
                      for w, c, s in epochs[k:])
            terms.append(np.log(float(weight) / len(RATIOS)) + log)
    return float(logsumexp(terms))


out = {}
out["shares"] = []
for planned in (0, 1, 3):
    for count in (1, 2, 4, 6):
        whole = int(rng.choice([10_000, 9_000, 8_000]))
        rows = [(int(rng.integers(100, whole - 100)), int(rng.integers(0, 60)), int(rng.integers(0, 200)))
                for _ in range(count)]
        tolerance = float(rng.choice([1, 1.25, 2]))
        epochs = [(w / whole, c, s) for w, c, s in rows]
        out["shares"].append({
            "planned": planned, "whole": whole, "tolerance": tolerance, "epochs": [list(r) for r in rows],
            "more": e_process(epochs, tolerance, planned, False), "fewer": e_process(epochs, tolerance, planned, True)})

# McNemar: only the pairs on which the two differ, against even odds.
out["mcnemar"] = [
    [b, c, float(logsumexp([stats.binom.logpmf(b, b + c, r / (1 + r)) - stats.binom.logpmf(b, b + c, .5)
                            for r in RATIOS]) - np.log(len(RATIOS)))]
    for b, c in ((0, 0), (1, 0), (5, 5), (30, 12), (12, 30), (200, 150), (4000, 3500))]

# Pair by pair: what one has is multiplied by 1 + bet * (x - tolerance * y - limit).
out["pairs"] = []
for tolerance, limit in ((1, 0), (Fraction(5, 4), 0), (2, 0), (1, Fraction(1, 50)), (Fraction(5, 4), Fraction(1, 100)),
                         (0, Fraction(1, 20))):
    for n in (1, 60, 400):
        x = rng.uniform(size=n) < .08
        y = rng.uniform(size=n) < .05
        total = Fraction(0)
        for r in EXACT:
            have = Fraction(1)
            bet = (r - 1) / Fraction(r + 1) / (tolerance + limit)
            for i in range(n):
                have *= 1 + bet * (int(x[i]) - tolerance * int(y[i]) - limit)
            total += have / len(EXACT)
        out["pairs"].append({
            "tolerance": float(tolerance), "limit": float(limit), "both": int((x & y).sum()),
            "candidateOnly": int((x & ~y).sum()), "otherOnly": int((~x & y).sum()), "neither": int((~x & ~y).sum()),
            "value": float(total)})

pathlib.Path(__file__).with_name("sequential.json").write_text(json.dumps(out, indent=1) + "\n")
