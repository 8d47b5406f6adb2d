#!/usr/bin/env python3
"""The judge's simulation a second time, in numpy, from the formulas alone (numpy 2.4).

One metric, tolerance 1: what `sluice simulate judge` prints of it must agree but for chance.
Usage: judge.py [RUNS] [SEED]
"""
import json
import sys

import numpy as np

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
RATIOS = np.array([1.1, 1.25, 1.5, 2, 3, 5, 8])
SHARES = [0.05] * 10 + [0.1] * 10 + [0.25] * 10 + [0.5] * 30
STEPS = sorted(set(SHARES))
# Half for the first weight; the later ones share nine tenths of the other half evenly.
WEIGHTS = np.array([0.5] + [0.45 / (len(STEPS) - 1)] * (len(STEPS) - 1))
REQUESTS = 1_000


def play(runs, base, harm, from_look, rng):
    """Candidate requests at the hold and at the rollback of each run; infinite when never."""
    growth = np.zeros((runs, len(STEPS), len(RATIOS)))
    requests, bad = np.zeros(runs), np.zeros(runs)
    held, rolled_back = np.full(runs, np.inf), np.full(runs, np.inf)
    onset = 0
    for look, share in enumerate(SHARES):
        if look == from_look:
            onset = requests.copy()
        candidates = rng.binomial(REQUESTS, share, runs)
        c = rng.binomial(candidates, base(look) + (harm if look >= from_look else 0))
        s = rng.binomial(REQUESTS - candidates, base(look))
        requests += candidates
        bad += c
        step = STEPS.index(share)
        q = share * RATIOS / (share * RATIOS + 1 - share)
        growth[:, step] += c[:, None] * np.log(q / share) + s[:, None] * np.log((1 - q) / (1 - share))
        started = np.cumsum(growth[:, step::-1], axis=1)[:, ::-1]
        weights = WEIGHTS[: step + 1]
        evidence = (np.exp(started).mean(axis=2) * weights).sum(axis=1) + 1 - weights.sum()
        held = np.where((evidence >= 20) & np.isinf(held), requests, held)
        rolled_back = np.where((evidence >= 100) & (bad >= 5) & np.isinf(rolled_back), requests, rolled_back)
    return held - onset, rolled_back - onset


def steady(look):
    return 0.01


def drift(look):
    return 0.005 + 0.015 * look / (len(SHARES) - 1)


def incident(look):
    return 0.08 if 20 <= look < 26 else 0.01


rng = np.random.default_rng(SEED)
out = {"runs": RUNS, "seed": SEED}
for name, base in (("steady", steady), ("drift", drift), ("incident", incident)):
    held, rolled_back = play(RUNS, base, 0, 0, rng)
    out[f"good version, {name}"] = {
        "held": float(np.isfinite(held).mean()), "rolled_back": float(np.isfinite(rolled_back).mean())}
for name, harm, from_look in (("+1", 0.01, 0), ("+2", 0.02, 0), ("+5", 0.05, 0), ("+2 from look 31", 0.02, 30)):
    held, rolled_back = play(RUNS // 4, steady, harm, from_look, rng)
    out[f"{name} points"] = {"hold": float(np.median(held)), "roll_back": float(np.median(rolled_back))}
print(json.dumps(out, indent=1))
