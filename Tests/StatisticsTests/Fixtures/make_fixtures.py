#!/usr/bin/env python3
"""Writes scipy.json: reference values for the Statistics module (scipy 1.17, numpy 2.4)."""
import json, pathlib
import numpy as np
from scipy import special, stats
from scipy.spatial import distance

rng = np.random.default_rng(20130101)
out = {}
out["normalQuantile"] = [[p, stats.norm.ppf(p)] for p in
                          (1e-300, 1e-20, 1e-6, .001, .025, .07, .3, .5, .6, .975, .9999)]
out["normalSurvival"] = [[z, stats.norm.sf(z)] for z in (-6, -1.5, 0, .3, 1.96, 5, 12, 30)]
out["gammaUpper"] = [[a, x, special.gammaincc(a, x)] for a in (.5, 1, 3.7, 15.5, 127.5, 2000, 50000)
                      for x in (a * .5, a * .97, a, a * 1.02, a * 1.3 + 3) if special.gammaincc(a, x) > 1e-280]
out["beta"] = [[a, b, x, special.betainc(a, b, x)] for a, b in ((.5, .5), (2, 5), (30, 3), (400, 1200), (1, 9))
               for x in (.01, .1, .25, .5, .9)if special.betainc(a, b, x) > 1e-280]
out["chiSquareSurvival"] = [[x, k, stats.chi2.sf(x, k)] for k in (1, 2, 9, 31, 255) for x in (.1, 3, 20, 260, 400)
                        if stats.chi2.sf(x, k) > 1e-280]
out["chiSquareQuantile"] = [[q, k, stats.chi2.isf(q, k)] for k in (1, 9, 31, 255) for q in (.5, .05, .01, 1e-6)]
out["noncentralSurvival"] = [[x, k, l, stats.ncx2.sf(x, k, l)] for k in (1, 9, 31, 255) for l in (.5, 10, 200, 3000)
                        for x in ((k + l) * .8, k + l, (k + l) * 1.1 + 5, (k + l) + 6 * (2 * (k + 2 * l)) ** .5)]
out["kolmogorov"] = [[t, special.kolmogorov(t)] for t in (.3, .5, .8, .99, 1, 1.01, 1.36, 2, 3.5, 6)]
out["wilson"] = [[k, n, c, *stats.binomtest(k, n).proportion_ci(c, "wilson")] for k, n in
                 ((0, 10), (3, 10), (10, 10), (7, 5000), (214, 900)) for c in (.9, .95)]
out["clopperPearson"] = [[k, n, c, *stats.binomtest(k, n).proportion_ci(c, "exact")] for k, n in
                          ((0, 10), (3, 10), (10, 10), (7, 5000), (214, 900)) for c in (.9, .95)]
p = rng.uniform(size=40) ** 3
out["fdr"] = {"p": p.tolist(), "bh": stats.false_discovery_control(p, method="bh").tolist(),
              "by": stats.false_discovery_control(p, method="by").tolist()}

def psi(a, b):
    k = len(a)
    p = (a + .5) / (a.sum() + .5 * k)
    q = (b + .5) / (b.sum() + .5 * k)
    return float(((q - p) * np.log(q / p)).sum())

cases = []
for n, m, shift, bins in ((5000, 2000, 0, 32), (20000, 2000, .25, 256), (900, 500, 1, 20), (100000, 20000, .02, 64)):
    ref = rng.normal(size=n)
    cur = rng.normal(loc=shift, size=m)
    # Some atoms, so that points matter.
    ref[: n // 10] = 0.0
    cur[: m // 8] = 0.0
    edges = np.unique(np.quantile(ref, np.arange(1, bins) / bins, method="inverted_cdf"))
    edges = np.unique(np.concatenate([edges, [np.nextafter(0, -1), 0.0]]))
    # A value at an edge belongs below it.
    rb, cb = np.searchsorted(edges, ref, "left"), np.searchsorted(edges, cur, "left")
    k = len(edges) + 1
    a, b = np.bincount(rb, minlength=k), np.bincount(cb, minlength=k)
    point = np.zeros(k, bool)
    point[np.searchsorted(edges, 0.0, "left")] = True
    table = np.array([a, b])
    used = table[:, table.sum(0) > 0]
    chi = stats.chi2_contingency(used, correction=False)
    g = stats.chi2_contingency(used, correction=False, lambda_="log-likelihood")
    N = n * m / (n + m)
    P, Q = a / n, b / m
    cases.append({
        "reference": a.tolist(), "current": b.tolist(), "isPoint": point.tolist(), "edges": edges.tolist(),
        "referenceSums": np.bincount(rb, ref, k).tolist(), "currentSums": np.bincount(cb, cur, k).tolist(),
        "psi": psi(a, b), "jensenShannon": float(distance.jensenshannon(P, Q)),
        "hellinger": float(np.sqrt(((np.sqrt(P) - np.sqrt(Q)) ** 2).sum() / 2)),
        "totalVariation": float(abs(P - Q).sum() / 2), "greatestDifference": float(abs(P - Q).max()),
        "chiSquare": float(chi.statistic), "chiSquareP": float(chi.pvalue),
        "g": float(g.statistic), "gP": float(g.pvalue),
        "cramersV": float(stats.contingency.association(used, method="cramer")),
        "psiP": float(stats.ncx2.sf(N * psi(a, b), k - 1, N * .1)),
        "ks": float(stats.ks_2samp(ref, cur).statistic),
        "binnedKS": float(abs(np.cumsum(a) / n - np.cumsum(b) / m).max()),
        "ksP": float(special.kolmogorov(np.sqrt(N) * abs(np.cumsum(a) / n - np.cumsum(b) / m).max())),
        "wasserstein": float(stats.wasserstein_distance(ref, cur)),
        "sd": float(ref.std()),
    })
out["drift"] = cases
path = pathlib.Path(__file__).with_name("scipy.json")
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
