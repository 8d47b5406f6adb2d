"""Train boosted trees on rows that Sluice exported, and leave what it imports.

`sluice retrain run` calls this with the labelled rows of recorded traffic; see
samples/retraining/flight-delay.yaml. Left in the output folder are model.onnx, card.md,
reference.json and golden.jsonl.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

import onnxruntime
import pandas as pd
from sklearn.pipeline import Pipeline

from answers import reference, save
from golden import plain
from graph import answer, session
from prepare import FEATURES, read
from train import boosted_trees, export, figures, ordinal

LABEL = "late"
CHECKED = 5        # one row in so many is not trained on: the card's figures are of those
GOLDEN_ROWS = 32


def card(metrics: dict[str, float], rows: int, late: float, parent: str) -> str:
    lines = "\n".join(f"  {key}: {value}" for key, value in metrics.items())
    after = f" after {parent}" if parent else ""
    return f"""---
name: flight-delay
summary: "Boosted trees trained on recorded traffic{after}."
owner: "flight-delay sample team"
licence: CC0-1.0
trained: {date.today().isoformat()}
algorithm: "gradient-boosted trees (LightGBM, 150 trees of at most 15 leaves)"
training_data: "{rows} labelled requests that Sluice recorded"
training_rows: {rows}
intended_use: "Demonstrate and test model serving. Not for decisions about real flights."
limitations: "Knows only the weeks that were recorded, and only flights whose label had come."
metrics:
{lines}
---

# flight-delay, trained on recorded traffic

The answer is the probability that a flight leaving Newark, Kennedy or LaGuardia arrives more than
15 minutes late. Of the {rows:,} rows {late:.1%} were late. The figures above are those of the exported
graph on {metrics['rows']:,} of the rows, the newest, which the training did not see.
"""


def golden(model: onnxruntime.InferenceSession, rows: pd.DataFrame) -> str:
    """Rows with onnxruntime's answers, for the check at each load."""
    rows = rows[FEATURES]
    labels, probabilities = answer(model, rows)
    lines = [{"tolerance": 1e-5, "source": f"onnxruntime {onnxruntime.__version__}"}]
    for index, row in enumerate(rows.itertuples(index=False)):
        lines.append({
            "inputs": {name: plain(value) for name, value in zip(FEATURES, row)},
            "outputs": {"label": int(labels[index]),
                        "probabilities": [plain(value) for value in probabilities[index]]}})
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, required=True, help="the exported rows, CSV")
    options.add_argument("--out", type=Path, required=True, help="the folder for what is made")
    options.add_argument("--parent", default="", help="the version that serves now")
    given = options.parse_args()

    table = read(given.data)
    late = float(table[LABEL].mean())
    split = len(table) - len(table) // CHECKED
    training, checked = table.iloc[:split], table.iloc[split:]
    print(f"{len(training):,} rows to train on, {len(checked):,} to check, {late:.1%} late", flush=True)

    pipeline = Pipeline([("prepare", ordinal()), ("model", boosted_trees(150, 15))])
    pipeline.fit(training[FEATURES], training[LABEL])
    path = given.out / "model.onnx"
    path.write_bytes(export(pipeline, 0).SerializeToString(deterministic=True))

    model = session(path)
    labels, probabilities = answer(model, checked)
    metrics = figures(checked[LABEL].to_numpy(), labels, probabilities[:, 1])
    (given.out / "card.md").write_text(card(metrics, len(training), late, given.parent))
    own_labels, own = answer(model, training)
    save(reference(training, own_labels, own[:, 1]), given.out / "reference.json")
    rows = training.iloc[:: max(1, len(training) // GOLDEN_ROWS)].head(GOLDEN_ROWS)
    (given.out / "golden.jsonl").write_text(golden(model, rows))
    print(f"checked: {metrics}")


if __name__ == "__main__":
    main()
