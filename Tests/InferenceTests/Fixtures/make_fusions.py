"""Make fusions.bundle: what exporters write for pipelines, networks and isolation forests, and
random networks, with inputs and onnxruntime's answers. See make.py for the format and packages."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import pandas
from make import Bundle, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")
rng = np.random.default_rng(11)
ROWS = 36


def export(model, types, **options) -> onnx.ModelProto:
    return convert_sklearn(
        model, initial_types=types, target_opset={"": 15, "ai.onnx.ml": 3},
        options={id(model): options} if options else None)


def forests(bundle: Bundle) -> None:
    x = rng.normal(size=(200, 5)).astype(np.float32)
    x[0, 0] = np.inf
    rows = np.concatenate([x[:26], 4 * rng.normal(size=(10, 5)).astype(np.float32)])
    train = np.where(np.isfinite(x), x, 9)
    for name, options in {
        "isolation forest": {"n_estimators": 6, "max_samples": 16},
        "isolation forest, contamination": {
            "n_estimators": 3, "max_samples": 30, "contamination": 0.2},
        "isolation forest, bootstrap": {"n_estimators": 3, "max_samples": 0.3, "bootstrap": True},
        "isolation forest, one leaf": {"n_estimators": 4, "max_samples": 1},
    }.items():
        model = IsolationForest(random_state=3, **options).fit(train)
        types = [("x", FloatTensorType([None, 5]))]
        bundle.add(name, export(model, types), {"x": rows})
        if "bootstrap" in name:
            bundle.add(name + ", samples", export(model, types, score_samples=True), {"x": rows})


def pipelines(bundle: Bundle) -> None:
    n = 300
    frame = pandas.DataFrame({
        "a": rng.normal(size=n).astype(np.float32), "b": rng.normal(size=n).astype(np.float32),
        "city": rng.choice(["Rome", "Oslo", "Bonn"], n), "plan": rng.choice(["s", "m", "l"], n),
        "year": rng.integers(1990, 2005, n), "zip": rng.choice([7, 10115, -80331, 2**40], n)})
    y = (frame.a + (frame.city == "Rome") + (frame.year > 1998) + rng.normal(size=n) > 1)
    y = y.astype(int) + (frame.b > 1)
    numbers = Pipeline([("i", SimpleImputer()), ("s", StandardScaler())])
    hot = lambda: OneHotEncoder(handle_unknown="ignore")
    types = [("a", FloatTensorType([None, 1])), ("b", FloatTensorType([None, 1])),
             ("city", StringTensorType([None, 1])), ("plan", StringTensorType([None, 1])),
             ("year", Int64TensorType([None, 1])), ("zip", Int64TensorType([None, 1]))]
    test = frame.head(ROWS).copy()
    test.loc[3, "city"] = "Paris"
    test.loc[4, "a"] = np.nan
    test.loc[5, "year"] = 1
    test.loc[6, "zip"] = 8
    feeds = {name: test[[name]].to_numpy() for name, _ in types}
    for name, last in {"linear": LogisticRegression(), "tree": DecisionTreeClassifier(max_depth=4),
                       "network": MLPClassifier((9, 5), max_iter=9, random_state=1)}.items():
        columns = ColumnTransformer([
            ("n", numbers, ["a", "b"]), ("c", hot(), ["city", "plan"]), ("y", hot(), ["year"]),
            ("z", hot(), ["zip"])], sparse_threshold=0)
        model = Pipeline([("c", columns), ("m", last)]).fit(frame, y)
        bundle.add(f"columns of all types, {name}", export(model, types, zipmap=False), feeds)
    columns = ColumnTransformer([
        ("n", numbers, [0, 1]), ("c", hot(), [3]),
        ("o", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), [2])])
    values = frame[["a", "b", "city", "plan"]]
    model = Pipeline([("c", columns), ("m", LogisticRegression())]).fit(values.to_numpy(), y)
    bundle.add(
        "two tables, one-hot and codes, linear",
        export(model, [("x", FloatTensorType([None, 2])), ("t", StringTensorType([None, 2]))],
               zipmap=False),
        {"x": test[["a", "b"]].to_numpy(), "t": test[["city", "plan"]].to_numpy()})
    table = frame[["a", "year", "b", "year"]].to_numpy(np.float32)
    columns = ColumnTransformer([
        ("n", StandardScaler(), [2, 0]), ("c", hot(), [1]), ("d", hot(), [3])])
    feeds = {"x": test[["a", "year", "b", "year"]].to_numpy(np.float32)}
    feeds["x"][8, 1] += 0.75
    feeds["x"][9, 3] = -1e30
    feeds["x"][10, 1] = np.nan
    for name, last in {"linear": LogisticRegression(), "regression": LinearRegression()}.items():
        model = Pipeline([("c", columns), ("m", last)]).fit(table, y)
        options = {"zipmap": False} if name == "linear" else {}
        bundle.add(f"one table of floats, {name}",
                   export(model, [("x", FloatTensorType([None, 4]))], **options), feeds)


def networks(bundle: Bundle) -> None:
    x = rng.normal(size=(300, 7)).astype(np.float32)
    test = x[:ROWS].copy()
    test[1, 2], test[2, 3], test[3, 1] = np.nan, np.inf, -np.inf
    test[4] = 0
    two = (x[:, 0] > 0).astype(int)
    many = np.digitize(x[:, 1], [-1, 0, 1])
    names = np.array(["w", "x", "y", "z"])[many]
    kind = [("x", FloatTensorType([None, 7]))]
    for activation in ("relu", "tanh", "logistic", "identity"):
        for name, y in {"two classes": two, "four classes": many, "text classes": names}.items():
            model = MLPClassifier((19, 8), activation=activation, max_iter=5, random_state=2)
            bundle.add(f"network, {activation}, {name}",
                       export(model.fit(x, y), kind, zipmap=False), {"x": test})
    model = Pipeline([("n", Normalizer()), ("m", MLPRegressor(
        hidden_layer_sizes=(9,), max_iter=5, random_state=2))])
    bundle.add("normalizer, network, regression", export(model.fit(x, x[:, 0]), kind), {"x": test})


def random_networks(bundle: Bundle) -> None:
    """Chains of MatMul, Gemm, Add and activations, with branches here and there."""
    for number in range(16):
        depth = int(rng.integers(1, 70))
        first, value, nodes, constants = depth, "x", [], []
        values = [("x", depth)]

        def constant(array) -> str:
            name = f"c{len(constants)}"
            constants.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
            return name

        def node(kind: str, inputs, **attributes) -> str:
            name = f"v{len(nodes)}"
            nodes.append(helper.make_node(kind, inputs, [name], **attributes))
            return name

        for _ in range(int(rng.integers(1, 4))):
            width = int(rng.choice([1, 2, 5, 9, 16, 17, 31, 33]))
            weights = rng.normal(size=(depth, width)) / np.sqrt(depth)
            bias = rng.normal(size=width)
            if rng.random() < 0.5:
                value = node("MatMul", [value, constant(weights)])
                if rng.random() < 0.8:
                    pair = [value, constant(bias)]
                    value = node("Add", pair if rng.random() < 0.5 else pair[::-1])
            else:
                value = node("Gemm", [value, constant(weights.T), constant(bias)],
                             transB=1, alpha=float(rng.choice([1, 0.5])),
                             beta=float(rng.choice([1, 2])))
            kind = rng.choice(["Relu", "Sigmoid", "Tanh", "Identity", "", "LeakyRelu"])
            if kind:
                value = node(str(kind), [value])
            if rng.random() < 0.2:
                # Read twice: what was before may not disappear.
                value = node("Add", [value, node("Neg", [values[-1][0]])]) \
                    if values[-1][1] == width else node("Mul", [value, value])
            depth = width
            values.append((value, depth))
        outputs = [value]
        if depth > 1 and rng.random() < 0.6:
            label = node("ArgMax", [value], axis=1, keepdims=int(rng.integers(0, 2)))
            label = node("Cast", [label], to=1)
            outputs.append(node("Mul", [label, constant([0.5])]))
        graph = helper.make_graph(
            nodes, "g", [helper.make_tensor_value_info("x", 1, ["N", first])],
            [helper.make_empty_tensor_value_info(o) for o in outputs], constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
        x = rng.normal(size=(ROWS, first)).astype(np.float32)
        x[rng.random(x.shape) < rng.random()] = 0
        bundle.add(f"random network {number}", model, {"x": x})


if __name__ == "__main__":
    made = Bundle()
    forests(made)
    pipelines(made)
    networks(made)
    random_networks(made)
    made.save("fusions.bundle")
