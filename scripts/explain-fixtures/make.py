"""Make Tests/InferenceTests/Fixtures/explanations.bundle: models, rows, and the contributions that
shap, XGBoost (pred_contribs) and LightGBM (pred_contrib) give for them; and
native-explanations.bundle: the same for the files of XGBoost and LightGBM themselves.

    python make.py [--native | --bench FOLDER]

Needs numpy, onnx, scikit-learn, skl2onnx, onnxmltools, shap, xgboost and lightgbm from PyPI.
Everything is seeded. The format is that of Tests/InferenceTests/Fixtures/make.py; a case's inputs
are the model's, then, for contributions against background rows, the same for these; its outputs
are the base values (one an output) and the contributions (rows, outputs, input columns).

--native writes the second bundle alone. --bench writes two larger models with covers instead, and prints what pred_contribs takes.
"""

from __future__ import annotations

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"

import json
import struct
import sys
import tempfile
import time
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import pandas as pd
import shap
import xgboost
from onnx import helper, numpy_helper
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as MLFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (ExtraTreesRegressor, GradientBoostingClassifier,
                              RandomForestClassifier, RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

warnings.filterwarnings("ignore")
FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "InferenceTests" / "Fixtures"
OPSETS = {"": 17, "ai.onnx.ml": 3}
rng = np.random.default_rng(11)
parts: list[bytes] = []


def piece(data: bytes) -> None:
    parts.append(struct.pack("<I", len(data)) + data)


def add(name: str, model, inputs: list[np.ndarray], base, contributions) -> None:
    """model: ONNX, or a file's bytes; base: (outputs,); contributions: (rows, outputs, columns)."""
    contributions = np.asarray(contributions, np.float64)
    assert contributions.ndim == 3, contributions.shape
    piece(name.encode())
    piece(model if isinstance(model, bytes) else model.SerializeToString())
    for tensors in (inputs, [np.asarray(base, np.float64).reshape(-1), contributions]):
        parts.append(struct.pack("<I", len(tensors)))
        for tensor in tensors:
            piece(numpy_helper.from_array(np.asarray(tensor)).SerializeToString())
    print(f"{name}: {len(parts[-1])} bytes, {contributions.shape}")


class Ensemble:
    """A TreeEnsembleRegressor with covers in nodes_hitrates, as no converter writes them."""

    def __init__(self) -> None:
        self.lists: dict[str, list] = {key: [] for key in (
            "nodes_treeids nodes_nodeids nodes_featureids nodes_modes nodes_values nodes_hitrates "
            "nodes_truenodeids nodes_falsenodeids nodes_missing_value_tracks_true target_treeids "
            "target_nodeids target_ids target_weights").split()}
        self.trees = 0

    def add(self, root: dict, target: int = 0) -> None:
        """root: {feature, threshold, mode, missing_yes, yes, no, cover} or {leaf, cover}."""
        rows = self.lists
        count = 0

        def number() -> int:
            nonlocal count
            count += 1
            return count - 1

        def lay(node: dict, mine: int) -> None:
            inner = "leaf" not in node
            yes, no = (number(), number()) if inner else (0, 0)
            for key, value in (
                ("treeids", self.trees), ("nodeids", mine), ("hitrates", float(node["cover"])),
                ("featureids", node["feature"] if inner else 0),
                ("modes", node["mode"] if inner else "LEAF"),
                ("values", float(node["threshold"]) if inner else 0.0),
                ("truenodeids", yes), ("falsenodeids", no),
                ("missing_value_tracks_true", int(node["missing_yes"]) if inner else 0),
            ):
                rows["nodes_" + key].append(value)
            if inner:
                lay(node["yes"], yes)
                lay(node["no"], no)
            else:
                for key, value in (("treeids", self.trees), ("nodeids", mine), ("ids", target),
                                   ("weights", float(node["leaf"]))):
                    rows["target_" + key].append(value)

        lay(root, number())
        self.trees += 1

    def model(self, width: int, base: list[float], targets: int = 1) -> onnx.ModelProto:
        node = helper.make_node(
            "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=targets,
            base_values=base, **self.lists)
        return wrap([node], [helper.make_tensor_value_info("x", 1, [None, width])],
                    [helper.make_tensor_value_info("y", 1, [None, targets])])


def wrap(nodes, inputs, outputs) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    return helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])


def of_xgboost(node: dict) -> dict:
    if "leaf" in node:
        return {"leaf": node["leaf"], "cover": node["cover"]}
    children = {child["nodeid"]: child for child in node["children"]}
    return {
        "feature": int(node["split"][1:]), "threshold": np.float32(node["split_condition"]),
        "mode": "BRANCH_LT", "missing_yes": node["missing"] == node["yes"], "cover": node["cover"],
        "yes": of_xgboost(children[node["yes"]]), "no": of_xgboost(children[node["no"]])}


def of_lightgbm(node: dict) -> dict:
    if "leaf_value" in node:
        return {"leaf": node["leaf_value"], "cover": node["leaf_count"]}
    threshold = np.float32(node["threshold"])
    if threshold > node["threshold"]:  # the largest float that is not above: same answers
        threshold = np.nextafter(threshold, np.float32(-np.inf))
    missing = node["missing_type"]
    assert node["decision_type"] == "<=" and missing in ("None", "NaN"), node
    # Without missing values in training, NaN counts as 0.
    yes = node["default_left"] if missing == "NaN" else 0 <= node["threshold"]
    return {
        "feature": node["split_feature"], "threshold": threshold, "mode": "BRANCH_LEQ",
        "missing_yes": yes, "cover": node["internal_count"],
        "yes": of_lightgbm(node["left_child"]), "no": of_lightgbm(node["right_child"])}


def of_sklearn(tree, node: int = 0, scale: float = 1.0) -> dict:
    cover = tree.weighted_n_node_samples[node]
    if tree.children_left[node] < 0:
        return {"leaf": tree.value[node][0][0] * scale, "cover": cover}
    threshold = np.float32(tree.threshold[node])
    if threshold > tree.threshold[node]:
        threshold = np.nextafter(threshold, np.float32(-np.inf))
    return {
        "feature": int(tree.feature[node]), "threshold": threshold, "mode": "BRANCH_LEQ",
        "missing_yes": False, "cover": cover,
        "yes": of_sklearn(tree, tree.children_left[node], scale),
        "no": of_sklearn(tree, tree.children_right[node], scale)}


def split(contribs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, [outputs,] columns + 1) of XGBoost and LightGBM into base and contributions."""
    if contribs.ndim == 2:
        contribs = contribs[:, None, :]
    return contribs[0, :, -1], contribs[:, :, :-1]


def by_output(values) -> np.ndarray:
    """shap's (rows, columns[, outputs]) as (rows, outputs, columns)."""
    values = np.asarray(values)
    return values[:, None, :] if values.ndim == 2 else values.transpose(0, 2, 1)


x = rng.normal(size=(400, 6)).astype(np.float32)
two = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)
three = np.digitize(x[:, 0] - x[:, 3], [-0.7, 0.7])
number = x[:, 0] * 2 + np.abs(x[:, 1]) + x[:, 4] * x[:, 5]
probe = (rng.normal(size=(9, 6)) * 1.4).astype(np.float32)
holes = probe.copy()
holes[rng.random(holes.shape) < 0.25] = np.nan
background = x[:25]


def path_dependent() -> None:
    common = dict(n_estimators=12, max_depth=4, learning_rate=0.3, random_state=1, n_jobs=1)
    holey = x.copy()
    holey[rng.random(x.shape) < 0.1] = np.nan
    for name, estimator, target, targets in (
        ("xgboost regression, missing values", xgboost.XGBRegressor(**common), number, 1),
        ("xgboost two classes", xgboost.XGBClassifier(**common), two, 1),
        ("xgboost three classes", xgboost.XGBClassifier(**common), three, 3),
    ):
        booster = estimator.fit(holey, target).get_booster()
        trees = Ensemble()
        for i, text in enumerate(booster.get_dump(dump_format="json", with_stats=True)):
            trees.add(of_xgboost(json.loads(text)), i % targets)
        matrix = xgboost.DMatrix(holes)
        margin = booster.predict(matrix, output_margin=True).reshape(9, targets)
        base, values = split(booster.predict(matrix, pred_contribs=True))
        constants = np.atleast_1d(np.array(
            json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"]
            .strip("[]").split(","), np.float64))
        if targets == 1 and name.endswith("classes"):
            constants = np.log(constants / (1 - constants))
        constants = np.broadcast_to(constants, targets)
        assert np.abs(values.sum(-1) + base - margin).max() < 1e-4
        add(name, trees.model(6, [float(c) for c in constants], targets), [holes], base, values)

    for name, parameters, target in (
        ("lightgbm regression", {"objective": "regression"}, number),
        ("lightgbm two classes", {"objective": "binary"}, two),
    ):
        booster = lightgbm.train(
            {**parameters, "num_leaves": 15, "verbose": -1, "seed": 1, "num_threads": 1,
             "deterministic": True}, lightgbm.Dataset(holey, target), 12)
        trees = Ensemble()
        for tree in booster.dump_model()["tree_info"]:
            trees.add(of_lightgbm(tree["tree_structure"]))
        base, values = split(booster.predict(holes, pred_contrib=True))
        add(name, trees.model(6, [0.0]), [holes], base, values)

    deep = DecisionTreeRegressor(max_depth=14, min_samples_leaf=2, random_state=1)
    deep.fit(x[:, :3], number)
    trees = Ensemble()
    trees.add(of_sklearn(deep.tree_))
    explainer = shap.TreeExplainer(deep)
    add("one deep tree", trees.model(3, [0.0]), [probe[:, :3]], explainer.expected_value,
        by_output(explainer.shap_values(probe[:, :3])))

    wide = rng.normal(size=(400, 20)).astype(np.float32)
    target = wide.sum(axis=1) + wide[:, 3] * wide[:, 4]
    forest = RandomForestRegressor(3, max_depth=13, min_samples_leaf=3, random_state=1,
                                   max_features=4).fit(wide, target)
    trees = Ensemble()
    for tree in forest.estimators_:
        trees.add(of_sklearn(tree.tree_, scale=1 / 3))
    some = rng.normal(size=(4, 20)).astype(np.float32)
    explainer = shap.TreeExplainer(forest)
    add("forest with long ways", trees.model(20, [0.0]), [some], explainer.expected_value,
        by_output(explainer.shap_values(some)))


def interventional() -> None:
    for name, estimator, target in (
        ("random forest, three classes",
         RandomForestClassifier(5, max_depth=5, random_state=1), three),
        ("extra trees", ExtraTreesRegressor(5, max_depth=5, random_state=1), number),
        ("gradient boosting", GradientBoostingClassifier(n_estimators=8, random_state=1), two),
    ):
        estimator.fit(x, target)
        options = {id(estimator): {"zipmap": False}} if is_classifier(estimator) else None
        model = convert_sklearn(estimator, initial_types=[("x", FloatTensorType([None, 6]))],
                                target_opset=OPSETS, options=options)
        explainer = shap.TreeExplainer(estimator, background,
                                       feature_perturbation="interventional")
        add(name + ", background", model, [probe, background], explainer.expected_value,
            by_output(explainer.shap_values(probe, check_additivity=False)))

    estimator = xgboost.XGBClassifier(n_estimators=8, max_depth=4, random_state=1, n_jobs=1)
    estimator.fit(x, two)
    model = convert_xgboost(estimator, initial_types=[("x", MLFloat([None, 6]))], target_opset=15)
    explainer = shap.TreeExplainer(estimator, background,
                                       feature_perturbation="interventional")
    add("xgboost as converted, background", model, [probe, background], explainer.expected_value,
        by_output(explainer.shap_values(probe)))


def linear_models() -> None:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, three)
    model = convert_sklearn(pipeline, initial_types=[("x", FloatTensorType([None, 6]))],
                            target_opset=OPSETS, options={id(pipeline): {"zipmap": False}})
    scale = lambda rows: pipeline[0].transform(rows)
    explainer = shap.LinearExplainer(pipeline[-1], shap.maskers.Independent(scale(background), 100))
    add("scaled logistic, background", model, [probe, background], explainer.expected_value,
        by_output(explainer.shap_values(scale(probe))))
    coefficients = pipeline[-1].coef_
    add("scaled logistic", model, [probe], pipeline[-1].intercept_,
        coefficients[None] * scale(probe)[:, None, :])

    ridge = Ridge().fit(x, number)
    model = convert_sklearn(ridge, initial_types=[("x", FloatTensorType([None, 6]))],
                            target_opset=OPSETS)
    explainer = shap.LinearExplainer(ridge, shap.maskers.Independent(background, 100))
    add("ridge, background", model, [probe, background], explainer.expected_value,
        by_output(explainer.shap_values(probe)))


def pipelines() -> None:
    """Imputer, scaler and one-hot before a linear model and before trees."""
    numbers = rng.normal(size=(300, 2)).astype(np.float32) * 3 + 1
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    frame = pd.DataFrame({"a": numbers[:, 0], "city": rng.choice(["Oslo", "Bergen", "Voss"], 300),
                          "b": numbers[:, 1], "kind": rng.choice(list("pqrs"), 300)})
    answer = ((np.nan_to_num(frame.a) + 2 * (frame.city == "Oslo") - (frame.kind == "q")) > 1.5)
    types = [("a", FloatTensorType([None, 1])), ("city", StringTensorType([None, 1])),
             ("b", FloatTensorType([None, 1])), ("kind", StringTensorType([None, 1]))]
    columns = ColumnTransformer([
        ("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["a", "b"]),
        ("c", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "kind"])])
    # The transformed columns and the input columns they were made from.
    origin = np.array([0, 2] + [1] * 3 + [3] * 4)
    rows, others = frame.iloc[:8].copy(), frame.iloc[100:130]
    rows.loc[0, "city"] = "elsewhere"

    def inputs(table: pd.DataFrame) -> list[np.ndarray]:
        return [table[n].to_numpy().reshape(-1, 1).astype(np.float32 if n in "ab" else object)
                for n in table.columns]

    def grouped(values: np.ndarray) -> np.ndarray:
        return np.stack([values[:, :, origin == i].sum(axis=2) for i in range(4)], axis=2)

    for name, last in (
        ("columns and logistic", LogisticRegression()),
        ("columns and forest", RandomForestClassifier(5, max_depth=4, random_state=1)),
        ("columns and boosting", GradientBoostingClassifier(n_estimators=6, random_state=1)),
    ):
        pipeline = make_pipeline(columns, last).fit(frame, answer.astype(int))
        model = convert_sklearn(pipeline, initial_types=types, target_opset=OPSETS,
                                options={id(pipeline): {"zipmap": False}})
        table = columns.transform(rows).astype(np.float32)
        behind = columns.transform(others).astype(np.float32)
        if name.endswith("logistic"):
            explainer = shap.LinearExplainer(last, shap.maskers.Independent(behind, 100))
        else:
            explainer = shap.TreeExplainer(last, behind,
                                           feature_perturbation="interventional")
        values = by_output(explainer.shap_values(table))
        add(name + ", background", model, inputs(rows) + inputs(others), explainer.expected_value,
            grouped(values))


def saved(booster, extension: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{extension}"
        booster.save_model(path)
        return path.read_bytes()


def native_xgboost() -> None:
    holey = x.astype(np.float64)
    holey[rng.random(x.shape) < 0.1] = np.nan
    holey[:, 5] = rng.integers(0, 12, 400)
    rows = holey[:9].copy()
    rows[0] = np.nan
    rows[1, 5] = 40  # a category that training had not
    answers = {"number": number + holey[:, 5] % 3, "two": two, "three": three,
               "count": np.abs(number).round()}
    common = {"max_depth": 3, "eta": 0.3, "nthread": 1, "seed": 1}
    for name, answer, types, parameters in (
        ("regression json", "number", None, {}),
        ("logistic ubj", "two", None, {"objective": "binary:logistic"}),
        ("softprob ubj", "three", None, {"objective": "multi:softprob", "num_class": 3}),
        ("poisson json", "count", None, {"objective": "count:poisson"}),
        ("dart ubj", "two", None, {"objective": "binary:logistic", "booster": "dart",
                                   "rate_drop": 0.5}),
        ("forest ubj", "number", None, {"num_parallel_tree": 3, "subsample": 0.6}),
        ("categories ubj", "number", ["q"] * 5 + ["c"], {"max_cat_to_onehot": 4}),
        ("one-hot categories json", "three", ["q"] * 5 + ["c"],
         {"objective": "multi:softprob", "num_class": 3, "max_cat_to_onehot": 40}),
        ("linear json", "number", None, {"booster": "gblinear"}),
        ("linear classes ubj", "three", None,
         {"booster": "gblinear", "objective": "multi:softprob", "num_class": 3}),
    ):
        linear = parameters.get("booster") == "gblinear"
        options = {key: common[key] for key in ("eta", "nthread", "seed")} if linear else common
        matrix = lambda data, label=None: xgboost.DMatrix(
            data, label, feature_types=types, enable_categorical=types is not None,
            feature_names=[f"column {i}" for i in range(6)])
        booster = xgboost.train({**options, **parameters}, matrix(holey, answers[answer]), 3)
        base, values = split(booster.predict(matrix(rows), pred_contribs=True))
        add("xgboost " + name, saved(booster, "." + name.split()[-1]), [rows.astype(np.float32)],
            base, values)


def native_lightgbm() -> None:
    holey = x.astype(np.float64)
    holey[rng.random(x.shape) < 0.1] = np.nan
    holey[:, 2] = np.where(rng.random(400) < 0.4, 0, holey[:, 2])
    holey[:, 5] = rng.integers(0, 40, 400)
    rows = holey[:9].copy()
    rows[0] = np.nan
    rows[1, 5] = 77
    rows[2] = 1e-36
    common = {"num_leaves": 12, "min_data_in_leaf": 5, "verbose": -1, "seed": 1, "num_threads": 1,
              "deterministic": True}
    changed = number + holey[:, 5] % 3
    for name, answer, categories, parameters in (
        ("regression", changed, [], {"objective": "regression"}),
        ("binary", two, [], {"objective": "binary"}),
        ("multiclass", three, [], {"objective": "multiclass", "num_class": 3}),
        ("categories", changed, [5], {"objective": "regression", "min_data_per_group": 5}),
        ("zero as missing", changed, [], {"objective": "regression", "zero_as_missing": True}),
        ("missing not used", changed, [], {"objective": "regression", "use_missing": False}),
        ("dart", changed, [], {"objective": "regression", "boosting": "dart", "drop_rate": 0.5}),
        ("forest", changed, [], {"objective": "regression", "boosting": "rf", "bagging_freq": 1,
                                 "bagging_fraction": 0.6}),
    ):
        booster = lightgbm.train(
            {**common, **parameters},
            lightgbm.Dataset(holey, answer, categorical_feature=categories,
                             feature_name=[f"column_{i}" for i in range(6)]), 3)
        outputs = parameters.get("num_class", 1)
        values = booster.predict(rows, pred_contrib=True).reshape(9, outputs, 7)
        if parameters.get("boosting") == "rf":
            # The library explains the sum of the trees, though it answers with their mean.
            values /= booster.num_trees()
        base, values = split(values)
        add("lightgbm " + name, saved(booster, ".txt"), [rows], base, values)


def native() -> None:
    parts.clear()
    native_xgboost()
    native_lightgbm()
    (FIXTURES / "native-explanations.bundle").write_bytes(b"".join(parts))
    print((FIXTURES / "native-explanations.bundle").stat().st_size, "bytes")


def bench(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(3)
    data = generator.normal(size=(20_000, 30)).astype(np.float32)
    answer = (data[:, 0] * data[:, 1] + data[:, 2] + generator.normal(size=20_000) > 0).astype(int)
    rows = generator.normal(size=(1_000, 30)).astype(np.float32)
    rows.tofile(folder / "rows.f32")
    for count in (100, 500):
        booster = xgboost.train(
            {"objective": "binary:logistic", "max_depth": 6, "nthread": 1, "seed": 1, "eta": 0.1},
            xgboost.DMatrix(data, answer), count)
        trees = Ensemble()
        for text in booster.get_dump(dump_format="json", with_stats=True):
            trees.add(of_xgboost(json.loads(text)))
        onnx.save(trees.model(30, [0.0]), folder / f"xgb{count}.onnx")
        for batch in (1, 1_000):
            matrix = xgboost.DMatrix(rows[:batch])
            best = min(timed(booster, matrix) for _ in range(20 if batch == 1 else 3))
            print(f"xgboost {count} trees, {batch} rows: {best / batch * 1e6:.1f} us a row")


def timed(booster, matrix) -> float:
    start = time.process_time()
    booster.predict(matrix, pred_contribs=True)
    return time.process_time() - start


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--bench":
        bench(Path(sys.argv[2]))
    elif "--native" in sys.argv:
        rng = np.random.default_rng(12)
        native()
    else:
        path_dependent()
        interventional()
        linear_models()
        pipelines()
        (FIXTURES / "explanations.bundle").write_bytes(b"".join(parts))
        print((FIXTURES / "explanations.bundle").stat().st_size, "bytes")
        rng = np.random.default_rng(12)
        native()
