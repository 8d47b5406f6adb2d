"""Write what the models are checked against, and report the real figures.

traffic.csv, eval.csv, eval-metric.csv, golden.csv, answers/ (onnxruntime's answers to
traffic.csv) and references/ (drift references). data/report.json collects the
figures that README.md shows.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from graph import answer, session
from prepare import DATA, FEATURES, HERE, SEED, STRINGS, read, write
from train import MODELS, VERSIONS, figures, metric_feed

ANSWERS = HERE / "answers"
REFERENCES = HERE / "references"

TRAFFIC_ROWS = 60_000          # all 65,470 would exceed the size limit below
TRAFFIC_BYTES = 4_000_000
EVALUATION_ROWS = 2_000
GOLDEN_ROWS = 32
MINUTES_TO_JULY = 181 * 24 * 60
MOST_EDGES = 255
RECENT_ROWS = 5_000            # "the last rows in time order" of the season check


def sample(table: pd.DataFrame, rows: int) -> pd.DataFrame:
    """A seeded subset, in the order of the table."""
    chosen = np.random.default_rng(SEED).choice(len(table), rows, replace=False)
    return table.iloc[np.sort(chosen)]


def bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many values fall in each bin; bin j is (edges[j-1], edges[j]]."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


def make_edges(values: np.ndarray) -> np.ndarray:
    """Up to 255 float32 edges: quantiles, plus a bin of its own for each frequent value."""
    ordered = np.sort(values)
    # The inverted CDF: the smallest value with at least j/256 of the mass at or below it.
    ranks = np.ceil(np.arange(1, 256) / 256 * len(ordered)).astype(int) - 1
    distinct, counts = np.unique(ordered, return_counts=True)
    atoms = distinct[counts * 512 >= len(ordered)]
    below = np.nextafter(atoms, np.float32(-np.inf))
    edges = np.unique(np.concatenate([ordered[ranks], below, atoms]))
    while len(edges) > MOST_EDGES:
        filled = bins(ordered, edges)
        edges = np.delete(edges, np.argmin(filled[:-1] + filled[1:]))
    return edges


def numeric(name: str, values: np.ndarray) -> dict:
    finite = values[np.isfinite(values)].astype(np.float32)
    edges = make_edges(finite)
    wide = finite.astype(np.float64)
    return {
        "name": name, "kind": "numeric", "count": len(finite), "missing": len(values) - len(finite),
        "min": float(wide.min()), "max": float(wide.max()),
        "mean": float(wide.mean()), "sd": float(wide.std()),
        "edges": [float(edge) for edge in edges],
        "counts": bins(finite, edges).tolist(),
    }


def categorical(name: str, values: pd.Series) -> dict:
    counts = values.value_counts().sort_index()
    return {
        "name": name, "kind": "categorical", "count": int(values.notna().sum()),
        "missing": int(values.isna().sum()),
        "categories": {str(key): int(count) for key, count in counts.items()},
    }


def reference(table: pd.DataFrame, labels: np.ndarray, scores: np.ndarray) -> dict:
    return {
        "format": "sluice-reference-1",
        "rows": len(table),
        "features": [categorical(name, table[name]) if name in STRINGS
                     else numeric(name, table[name].to_numpy()) for name in FEATURES],
        "outputs": [numeric("score", scores), categorical("label", pd.Series(labels))],
    }


def save(document: dict, path: Path) -> None:
    """One entry a line: small, and still readable in a diff."""
    def lines(entries: list[dict]) -> str:
        return ",\n".join("  " + json.dumps(entry, separators=(",", ":")) for entry in entries)

    path.write_text(
        f'{{"format":"{document["format"]}","rows":{document["rows"]},\n'
        f' "features":[\n{lines(document["features"])}],\n'
        f' "outputs":[\n{lines(document["outputs"])}]}}\n')


def stability_index(expected: np.ndarray, found: np.ndarray) -> float:
    """PSI of two histograms; half a row is added to each bin so that none is empty."""
    p = (expected + 0.5) / (expected + 0.5).sum()
    q = (found + 0.5) / (found + 0.5).sum()
    return float(((q - p) * np.log(q / p)).sum())


def drift(document: dict, table: pd.DataFrame, labels: np.ndarray, scores: np.ndarray) -> dict:
    """PSI (and, for numbers, the Kolmogorov-Smirnov distance at the edges) per entry."""
    found: dict[str, dict[str, float]] = {}
    columns = {name: table[name] for name in FEATURES} | {
        "score": pd.Series(scores), "label": pd.Series(labels)}
    for entry in document["features"] + document["outputs"]:
        column = columns[entry["name"]]
        if entry["kind"] == "categorical":
            now = column.astype(str).value_counts()
            keys = sorted(set(entry["categories"]) | set(now.index))
            expected = np.array([entry["categories"].get(key, 0) for key in keys])
            found[entry["name"]] = {
                "psi": stability_index(expected, np.array([now.get(key, 0) for key in keys]))}
            continue
        values = column.to_numpy()
        edges = np.array(entry["edges"], dtype=np.float32)
        expected, counts = np.array(entry["counts"]), bins(values[np.isfinite(values)], edges)
        distance = np.abs(expected.cumsum() / expected.sum() - counts.cumsum() / counts.sum())
        found[entry["name"]] = {"psi": stability_index(expected, counts), "ks": float(distance.max())}
    return found


def main() -> None:
    ANSWERS.mkdir(exist_ok=True)
    REFERENCES.mkdir(exist_ok=True)

    write(sample(read(DATA / "traffic.csv"), TRAFFIC_ROWS), HERE / "traffic.csv")
    size = (HERE / "traffic.csv").stat().st_size
    if size > TRAFFIC_BYTES:
        raise SystemExit(f"traffic.csv has {size:,} bytes; the limit is {TRAFFIC_BYTES:,}")
    evaluation = read(DATA / "evaluation.csv")[FEATURES + ["late"]]
    chosen = sample(evaluation, EVALUATION_ROWS)
    write(chosen, HERE / "eval.csv")
    # The same rows as the team of version 4 sees them.
    write(metric_feed(chosen), HERE / "eval-metric.csv")
    # Missing numbers are worth a golden answer: 16 complete rows (but for the
    # gust, which most rows miss), 8 without pressure, 8 without any weather.
    weather, pressure = evaluation["temperature"].notna(), evaluation["pressure"].notna()
    write(pd.concat([sample(evaluation[weather & pressure], GOLDEN_ROWS // 2),
                     sample(evaluation[weather & ~pressure], GOLDEN_ROWS // 4),
                     sample(evaluation[~weather], GOLDEN_ROWS // 4)]), HERE / "golden.csv")

    # Read back, so that the answers are those to the numbers the file really holds.
    traffic, training = read(HERE / "traffic.csv"), read(DATA / "train.csv")
    truth = traffic["late"].to_numpy()
    report: dict[str, dict] = {"traffic": {}, "drift": {}}
    for version in VERSIONS:
        name = f"flight-delay-{version.number}"
        model = session(MODELS / f"{name}.onnx")
        labels, probabilities = answer(model, traffic)
        if not np.isfinite(probabilities).all():
            raise SystemExit(f"{name} gives answers that are not finite")
        scores = probabilities[:, 1]
        np.save(ANSWERS / f"{name}.npy", scores.astype(np.float32))
        np.save(ANSWERS / f"labels-{version.number}.npy", labels.astype(np.uint8))
        report["traffic"][name] = figures(truth, labels, scores) | {
            "wrong_share": round(float((labels != truth).mean()), 4)}

        if version.feed is metric_feed:
            # The control: the same flights in the units of its training.
            labels_own_units, control = answer(model, metric_feed(traffic))
            report["traffic"][f"{name} in its own units"] = figures(
                truth, labels_own_units, control[:, 1]) | {
                    "wrong_share": round(float((labels_own_units != truth).mean()), 4)}

        mine = version.feed(training)
        own_labels, own = answer(model, mine)
        document = reference(mine, own_labels, own[:, 1])
        save(document, REFERENCES / f"{name}.json")
        report["drift"][name] = drift(document, traffic, labels, scores)

        if version.number == 2:
            half = (training["scheduled_minute"] < MINUTES_TO_JULY).to_numpy()
            season = reference(training[half], own_labels[half], own[half, 1])
            save(season, REFERENCES / "season.json")
            last = slice(len(traffic) - RECENT_ROWS, None)
            report["drift"]["season"] = drift(season, traffic[last].reset_index(drop=True),
                                              labels[last], scores[last])

    (DATA / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    for name, result in report["traffic"].items():
        print(f"{name} on traffic.csv: {result}")
    for name, entries in report["drift"].items():
        worst = sorted(entries.items(), key=lambda entry: -entry[1]["psi"])[:5]
        highest = max(entry.get("ks", 0) for entry in entries.values())
        print(f"drift against {name}: highest KS {highest:.4f}; highest PSI "
              + ", ".join(f"{entry} {value['psi']:.4f}" for entry, value in worst))


if __name__ == "__main__":
    main()
