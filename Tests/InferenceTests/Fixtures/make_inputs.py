"""Make inputs.bundle: inputs out of the ordinary, and what onnxruntime answers or that it refuses.

A refused case has no outputs. See make.py for the format and packages; docs/reference/inputs.md
says the rules that these cases check."""

from __future__ import annotations

import numpy as np
from make import Bundle, helper, run, single

FLOAT, INT64, STRING, DOUBLE = 1, 7, 8, 11
NAN, INF = np.nan, np.inf
made = Bundle()


def case(name: str, kind: str, x: np.ndarray, declared: int = FLOAT, width: int | None = 1,
         out: int = FLOAT, domain: str = "ai.onnx.ml", also: dict | None = None, **attributes):
    """One operator over the input x; `also` holds further inputs."""
    feeds = {"x": x} | (also or {})
    infos = [helper.make_tensor_value_info("x", declared, ["N", width] if width else ["N"])]
    for key, value in (also or {}).items():
        infos.append(helper.make_tensor_value_info(
            key, INT64 if value.dtype == np.int64 else FLOAT, list(value.shape)))
    node = helper.make_node(kind, list(feeds), ["y"], domain=domain, **attributes)
    graph = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info("y", out, None)])
    model = helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])
    try:
        answers = run(model.SerializeToString(), feeds)
    except Exception as refusal:  # noqa: BLE001 - every refusal counts, by whatever type
        print(f"  {name}: {str(refusal)[:110]}")
        answers = []
    made.add_answers(name, model, feeds, answers)


def column(*values, dtype=np.float32) -> np.ndarray:
    return np.array(values, dtype=dtype).reshape(-1, 1)


odd = column(NAN, INF, -INF, 3e38, -0.0, 1e-40, 2)
# What fits the model, and what does not.
case("type, doubles for floats", "Scaler", column(1, dtype=np.float64), offset=[0.0], scale=[1.0])
case("type, integers for floats", "Scaler", column(1, dtype=np.int64), offset=[0.0], scale=[1.0])
case("shape, a column too many", "Scaler", np.ones((2, 3), np.float32), width=2,
     offset=[0.0], scale=[1.0])
case("shape, one dimension", "Scaler", np.ones(2, np.float32), width=2, offset=[0.0], scale=[1.0])
case("shape, three dimensions", "Scaler", np.ones((1, 2, 1), np.float32), width=2,
     offset=[0.0], scale=[1.0])
# NaN and infinities.
case("numbers, scaled", "Scaler", odd, offset=[1.0], scale=[2.0])
case("numbers, linear", "LinearRegressor", odd, coefficients=[2.0], intercepts=[1.0], targets=1)
for mode in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ"):
    for missing in (0, 1):
        attributes = single(mode, missing, 2.0)
        case(f"numbers, tree {mode} {missing}", "TreeEnsembleRegressor", odd, n_targets=1,
             **attributes)
case("numbers, imputed", "Imputer", odd, imputed_value_floats=[7.0], replaced_value_float=NAN)
case("numbers, binarized", "Binarizer", odd, threshold=2.0)
case("numbers, softmax", "Softmax", np.array([[NAN, 1], [INF, 1], [-INF, 1]], np.float32), width=2,
     domain="", axis=1)
case("numbers, divided", "Div", odd, domain="", also={"d": np.zeros((1, 1), np.float32)})
case("numbers, maximum", "Max", odd, domain="", also={"d": np.zeros((1, 1), np.float32)})
case("numbers, sign", "Sign", odd, domain="")
# Categories.
words = np.array([["a"], ["c"], [""]], dtype=object)
case("category, one-hot of an unknown text", "OneHotEncoder", words, STRING,
     cats_strings=["a", "b"], zeros=1)
case("category, one-hot of an unknown text, strict", "OneHotEncoder", words, STRING,
     cats_strings=["a", "b"], zeros=0)
case("category, one-hot of unknown numbers", "OneHotEncoder", column(1, 5, -1, dtype=np.int64),
     INT64, cats_int64s=[1, 2], zeros=1)
case("category, one-hot of unknown numbers, strict", "OneHotEncoder",
     column(1, 5, -1, dtype=np.int64), INT64, cats_int64s=[1, 2], zeros=0)
case("category, label of an unknown text", "LabelEncoder", words, STRING, out=INT64,
     keys_strings=["a", "b"], values_int64s=[4, 5], default_int64=-7)
case("category, label of NaN", "LabelEncoder", column(NAN, 1, 9), out=FLOAT,
     keys_floats=[NAN, 1.0], values_floats=[3.0, 4.0], default_float=-1.0)
case("category, label of an infinity", "LabelEncoder", column(INF, -INF, 1), out=FLOAT,
     keys_floats=[INF, 1.0], values_floats=[3.0, 4.0], default_float=-1.0)
# Places.
table = np.arange(6, dtype=np.float32).reshape(2, 3)
for index in (2, -1, 3, -4):
    case(f"place, gather {index}", "Gather", table, width=3, domain="", axis=1,
         also={"i": np.array([index])})
for index in (2, 3, -1):
    case(f"place, extractor {index}", "ArrayFeatureExtractor", table, width=3,
         also={"i": np.array([index])})

if __name__ == "__main__":
    made.save("inputs.bundle")
