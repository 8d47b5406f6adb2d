#!/usr/bin/env python3
"""Trains the models of the engine benchmarks and writes them with test rows to a folder.

    python3 -m venv /tmp/bench
    /tmp/bench/bin/pip install numpy pandas scikit-learn xgboost lightgbm skl2onnx onnxmltools
    /tmp/bench/bin/python Benchmarks/models.py /tmp/bench-models

All seeds are fixed. Each model is trained on 20,000 rows of scikit-learn's make_classification
with 30 float32 columns; 10,000 further rows are the test rows. Written are NAME.onnx, for XGBoost
and LightGBM also the library's own file, rows.npy (float32, 10,000 x 30), rows.csv for the models
that take one tensor, pipe_rows.csv for lr_pipe, and NAME.scores.npy with what the library that
trained the model answers for the test rows (probability of class 1; for the isolation forest
score_samples; for the many-class and regression models every output).
"""
import argparse
import pathlib
import warnings

import lightgbm
import numpy as np
import onnx
import pandas as pd
import xgboost
from onnx import helper, numpy_helper
from onnxmltools.convert import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

WIDTH = 30
TRAINING_ROWS = 20_000
TEST_ROWS = 10_000
OPSETS = {"": 17, "ai.onnx.ml": 3}


def data(classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_classification(
        n_samples=TRAINING_ROWS + TEST_ROWS, n_features=WIDTH, n_informative=18, n_redundant=6,
        n_classes=classes, n_clusters_per_class=4, flip_y=0.05, random_state=7)
    return x.astype(np.float32), y


class Writer:
    """Where models go; says what it wrote."""

    def __init__(self, folder: pathlib.Path, wanted: set[str]):
        self.folder = folder
        self.wanted = wanted

    def wants(self, name: str) -> bool:
        return not self.wanted or name in self.wanted

    def write(self, name: str, model: onnx.ModelProto, scores: np.ndarray, note: str) -> None:
        path = self.folder / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        np.save(self.folder / f"{name}.scores.npy", np.asarray(scores))
        print(f"{name}: {len(model.graph.node)} operators, {path.stat().st_size:,} bytes; {note}",
              flush=True)


def boosted(out: Writer, x: np.ndarray, y: np.ndarray, test: np.ndarray) -> None:
    shape = [("x", ToolsFloat([None, WIDTH]))]
    for name, trees in (("xgb100", 100), ("xgb500", 500)):
        if not out.wants(name):
            continue
        model = xgboost.XGBClassifier(
            n_estimators=trees, max_depth=6, learning_rate=0.1, tree_method="hist", n_jobs=1,
            random_state=7).fit(x, y)
        model.get_booster().save_model(out.folder / f"{name}.ubj")
        model.get_booster().save_model(out.folder / f"{name}.json")
        out.write(name, convert_xgboost(model, initial_types=shape, target_opset=15),
                  model.predict_proba(test)[:, 1], f"XGBoost, {trees} trees of depth 6")
    if out.wants("lgb500"):
        model = lightgbm.LGBMClassifier(
            n_estimators=500, num_leaves=63, learning_rate=0.05, n_jobs=1, random_state=7,
            deterministic=True, verbose=-1).fit(x, y)
        model.booster_.save_model(out.folder / "lgb500.txt")
        converted = convert_lightgbm(model, initial_types=shape, target_opset=15, zipmap=False)
        out.write("lgb500", converted, model.predict_proba(test)[:, 1],
                  "LightGBM, 500 trees of 63 leaves")


def many_outputs(out: Writer, test: np.ndarray) -> None:
    x, y = data(classes=5)
    x, y = x[:TRAINING_ROWS], y[:TRAINING_ROWS]
    if out.wants("xgb5c"):
        model = xgboost.XGBClassifier(
            n_estimators=60, max_depth=6, learning_rate=0.1, tree_method="hist", n_jobs=1,
            random_state=7).fit(x, y)
        model.get_booster().save_model(out.folder / "xgb5c.ubj")
        shape = [("x", ToolsFloat([None, WIDTH]))]
        out.write("xgb5c", convert_xgboost(model, initial_types=shape, target_opset=15),
                  model.predict_proba(test), "XGBoost, 5 classes, 60 rounds, 300 trees of depth 6")
    if out.wants("rf5c"):
        model = RandomForestClassifier(
            n_estimators=60, max_depth=10, random_state=7, n_jobs=1).fit(x, y)
        out.write("rf5c", to_onnx(model, x[:1], options={"zipmap": False}, target_opset=OPSETS),
                  model.predict_proba(test), "random forest, 5 classes, 60 trees of depth 10")


def bagged(out: Writer, x: np.ndarray, y: np.ndarray, test: np.ndarray) -> None:
    if out.wants("rf100"):
        model = RandomForestClassifier(
            n_estimators=100, max_depth=12, random_state=7, n_jobs=1).fit(x, y)
        out.write("rf100", to_onnx(model, x[:1], options={"zipmap": False}, target_opset=OPSETS),
                  model.predict_proba(test)[:, 1], "random forest, 100 trees of depth 12")
    if out.wants("iforest"):
        model = IsolationForest(n_estimators=100, random_state=7, n_jobs=1).fit(x)
        out.write("iforest", to_onnx(model, x[:1], target_opset=OPSETS),
                  model.score_samples(test), "isolation forest, 100 trees of 256 rows")


def pipeline(out: Writer, x: np.ndarray, y: np.ndarray, test: np.ndarray) -> None:
    if not out.wants("lr_pipe"):
        return
    levels = {"carrier": 12, "origin": 40, "destination": 40, "weekday": 7}
    numeric = [f"n{i}" for i in range(8)]

    def frame(rows: np.ndarray) -> pd.DataFrame:
        columns = {name: rows[:, i] for i, name in enumerate(numeric)}
        for i, (name, count) in enumerate(levels.items()):
            code = np.floor((np.tanh(rows[:, 10 + i] / 4) + 1) / 2 * count).astype(int)
            columns[name] = np.char.add(name[:2].upper(), code.clip(0, count - 1).astype(str))
        return pd.DataFrame(columns)

    model = make_pipeline(
        ColumnTransformer([
            ("number", StandardScaler(), numeric),
            ("text", OneHotEncoder(handle_unknown="ignore"), list(levels))]),
        LogisticRegression(max_iter=400)).fit(frame(x), y)
    types = [(n, FloatTensorType([None, 1])) for n in numeric]
    types += [(n, StringTensorType([None, 1])) for n in levels]
    tests = frame(test)
    tests.to_csv(out.folder / "pipe_rows.csv", index=False)
    out.write("lr_pipe", to_onnx(model, initial_types=types, options={"zipmap": False},
                                 target_opset=OPSETS),
              model.predict_proba(tests)[:, 1], "scaler, one-hot, logistic regression, 12 inputs")


def network(out: Writer, x: np.ndarray, y: np.ndarray, test: np.ndarray) -> None:
    if not out.wants("mlp"):
        return
    model = make_pipeline(
        StandardScaler(),
        MLPClassifier((128, 64, 32), max_iter=25, random_state=7)).fit(x, y)
    out.write("mlp", to_onnx(model, x[:1], options={"zipmap": False}, target_opset=OPSETS),
              model.predict_proba(test)[:, 1], "scaler, network 30-128-64-32-1")
    out.write("mlp_gemm", gemms(model), model.predict_proba(test)[:, 1],
              "the same as other frameworks write it: Gemm, Relu, Sigmoid")


def gemms(model) -> onnx.ModelProto:
    """The network as a chain of Gemm nodes, its scaler in the first layer's weights."""
    scaler, network = model.steps[0][1], model.steps[1][1]
    weights = [w.copy() for w in network.coefs_]
    biases = [b.copy() for b in network.intercepts_]
    biases[0] -= (scaler.mean_ / scaler.scale_) @ weights[0]
    weights[0] /= scaler.scale_[:, None]
    nodes, constants, value = [], [], "x"
    for i, (w, b) in enumerate(zip(weights, biases)):
        constants += [numpy_helper.from_array(w.astype(np.float32), f"w{i}"),
                      numpy_helper.from_array(b.astype(np.float32), f"b{i}")]
        last = i == len(weights) - 1
        nodes += [helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [f"g{i}"]),
                  helper.make_node("Sigmoid" if last else "Relu", [f"g{i}"],
                                   ["probability" if last else f"a{i}"])]
        value = f"a{i}"
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "mlp", [helper.make_tensor_value_info("x", kind, [None, WIDTH])],
        [helper.make_tensor_value_info("probability", kind, [None, 1])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="names, separated by commas")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    out = Writer(arguments.folder, set(filter(None, arguments.only.split(","))))
    x, y = data()
    test = x[TRAINING_ROWS:]
    x, y = x[:TRAINING_ROWS], y[:TRAINING_ROWS]
    np.save(arguments.folder / "rows.npy", test)
    np.savetxt(arguments.folder / "rows.csv", test, fmt="%.9g", delimiter=",", comments="",
               header=",".join(f"f{i}" for i in range(WIDTH)))
    boosted(out, x, y, test)
    bagged(out, x, y, test)
    pipeline(out, x, y, test)
    network(out, x, y, test)
    many_outputs(out, test)


if __name__ == "__main__":
    main()
