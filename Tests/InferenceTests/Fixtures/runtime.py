#!/usr/bin/env python3
"""Write runtime.bundle: models that need ONNX Runtime, with its own answers.

    python3 runtime.py

Needs onnx, onnxruntime and numpy. The bundle's form is that of make.py.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from make import Bundle, run

rng = np.random.default_rng(3)


def value(name: str, kind: int, shape: list | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, constants=(), opset: int = 17) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "fixture", inputs, outputs,
        [numpy_helper.from_array(array, name) for name, array in constants])
    made = helper.make_model(graph, opset_imports=[
        helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made


def voice() -> tuple[onnx.ModelProto, list[dict]]:
    """Like a voice detector: [N, samples], a state [2, N, 3] and a scalar rate that chooses."""
    def branch(scale: float) -> onnx.GraphProto:
        return helper.make_graph(
            [helper.make_node("Mul", ["flat", "k"], ["scaled"])], "branch", [],
            [value("scaled", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.array(scale, np.float32), "k")])
    weights = (rng.normal(size=(1, 12, 1)) * 0.5).astype(np.float32)
    recurrent = (rng.normal(size=(1, 12, 3)) * 0.5).astype(np.float32)
    nodes = [
        helper.make_node("Unsqueeze", ["input", "axis1"], ["image"]),
        helper.make_node("Conv", ["image", "kernel"], ["filtered"], strides=[4]),
        helper.make_node("ReduceMean", ["filtered"], ["flat"], axes=[2], keepdims=0),
        helper.make_node("Equal", ["sr", "rate"], ["isFast"]),
        helper.make_node("If", ["isFast"], ["chosen"], then_branch=branch(2), else_branch=branch(.5)),
        helper.make_node("Unsqueeze", ["chosen", "axis0"], ["step"]),
        helper.make_node("Split", ["state"], ["h", "c"], axis=0),
        helper.make_node("LSTM", ["step", "w", "r", "", "", "h", "c"], ["y", "h1", "c1"],
                         hidden_size=3),
        helper.make_node("Concat", ["h1", "c1"], ["stateN"], axis=0),
        helper.make_node("Squeeze", ["h1", "axis0"], ["flatState"]),
        helper.make_node("ReduceMean", ["flatState"], ["sum"], axes=[1]),
        helper.make_node("Sigmoid", ["sum"], ["output"]),
    ]
    made = model(
        nodes,
        [value("input", TensorProto.FLOAT, ["N", "samples"]),
         value("state", TensorProto.FLOAT, [2, "N", 3]), value("sr", TensorProto.INT64, [])],
        [value("output", TensorProto.FLOAT, ["N", 1]),
         value("stateN", TensorProto.FLOAT, [2, "N", 3])],
        [("axis1", np.array([1])), ("axis0", np.array([0])), ("rate", np.array(16_000)),
         ("kernel", rng.normal(size=(1, 1, 8)).astype(np.float32)), ("w", weights),
         ("r", recurrent)])
    feeds = []
    for rows, samples, rate in ((1, 64, 16_000), (3, 32, 8_000)):
        feeds.append({
            "input": rng.normal(size=(rows, samples)).astype(np.float32),
            "state": rng.normal(size=(2, rows, 3)).astype(np.float32),
            "sr": np.array(rate, np.int64)})
    return made, feeds


def small_types() -> tuple[onnx.ModelProto, dict]:
    """Every element type passes through; Identity alone would be native, DynamicQuantize is not."""
    kinds = {"i8": np.int8, "u8": np.uint8, "i16": np.int16, "u16": np.uint16, "i32": np.int32,
             "u32": np.uint32, "i64": np.int64, "u64": np.uint64, "f64": np.float64,
             "flag": np.bool_}
    feeds = {"x": rng.normal(size=(2, 3)).astype(np.float32),
             "text": np.array([["", "a"], ["été", "日本"]], dtype=object)}
    nodes = [helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
             helper.make_node("Identity", ["text"], ["text_out"])]
    inputs = [value("x", TensorProto.FLOAT, ["N", 3]), value("text", TensorProto.STRING, ["N", 2])]
    outputs = [value("q", TensorProto.UINT8, ["N", 3]), value("scale", TensorProto.FLOAT, []),
               value("text_out", TensorProto.STRING, ["N", 2])]
    for name, kind in kinds.items():
        onnx_kind = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        feeds[name] = (np.array([[1], [0]]) if kind is np.bool_ else np.array([[100], [7]])).astype(kind)
        nodes.append(helper.make_node("Identity", [name], [f"{name}_out"]))
        inputs.append(value(name, onnx_kind, ["N", 1]))
        outputs.append(value(f"{name}_out", onnx_kind, ["N", 1]))
    return model(nodes, inputs, outputs), feeds


def scores(labels: dict) -> tuple[onnx.ModelProto, onnx.ModelProto, dict]:
    """A softmax through a ZipMap, beside an output that is a list; and the same without both."""
    nodes = [helper.make_node("Gemm", ["x", "w"], ["raw"]),
             helper.make_node("Celu", ["raw"], ["bent"]),
             helper.make_node("Softmax", ["bent"], ["table"], axis=1)]
    more = [helper.make_node("ZipMap", ["table"], ["zipped"], domain="ai.onnx.ml", **labels),
            helper.make_node("SplitToSequence", ["bent"], ["pieces"], axis=1, keepdims=1)]
    inputs = [value("x", TensorProto.FLOAT, ["N", 2])]
    constants = [("w", rng.normal(size=(2, 3)).astype(np.float32))]
    key = TensorProto.INT64 if "classlabels_int64s" in labels else TensorProto.STRING
    zipped = helper.make_value_info("zipped", helper.make_sequence_type_proto(
        helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, []))))
    pieces = helper.make_value_info("pieces", helper.make_sequence_type_proto(
        helper.make_tensor_type_proto(TensorProto.FLOAT, None)))
    bent = value("bent", TensorProto.FLOAT, ["N", 3])
    whole = model(nodes + more, inputs, [pieces, zipped, bent], constants)
    plain = model(nodes, inputs, [value("table", TensorProto.FLOAT, ["N", 3]), bent], constants)
    return whole, plain, {"x": rng.normal(size=(4, 2)).astype(np.float32)}


def main() -> None:
    bundle = Bundle()
    made, feeds = voice()
    bundle.add("voice", made, feeds[0])
    bundle.add("voice, more rows", made, feeds[1])
    bundle.add("every type", *small_types())
    for name, labels in (("zipped numbers", {"classlabels_int64s": [7, 3, 5]}),
                         ("zipped texts", {"classlabels_strings": ["b", "a", "c"]})):
        whole, plain, given = scores(labels)
        bundle.add_answers(name, whole, given, run(plain.SerializeToString(), given))
    bundle.save("runtime.bundle")


if __name__ == "__main__":
    main()
