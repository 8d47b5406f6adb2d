"""Run an exported graph with onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd

from prepare import FEATURES, STRINGS


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # one order of summation, hence the same answers each time
    options.log_severity_level = 3    # a converter's unused constant is not worth a warning
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answer(model: onnxruntime.InferenceSession, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Labels [N] and probabilities [N,2] of a table, one [N,1] input per feature."""
    feeds = {name: table[[name]].to_numpy(dtype=object if name in STRINGS else np.float32)
             for name in FEATURES}
    labels, probabilities = model.run(["label", "probabilities"], feeds)
    return labels, probabilities
