"""Write golden/flight-delay-N.jsonl: the rows of golden.csv with onnxruntime's answers.

`sluice model import models/flight-delay-N.onnx --golden golden/flight-delay-N.jsonl` keeps them
with the version, which is then checked against them whenever it is loaded.
"""

from __future__ import annotations

import json

import numpy as np
import onnxruntime

from graph import answer, session
from prepare import FEATURES, HERE, read

GOLDEN = HERE / "golden"


def plain(value: object) -> object:
    """A value as JSON has it, floats in the shortest form that reads back as the same float32."""
    if isinstance(value, str):
        return value
    return None if np.isnan(value) else float(str(np.float32(value)))


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    rows = read(HERE / "golden.csv")[FEATURES]
    for number in range(1, 5):
        model = session(HERE / "models" / f"flight-delay-{number}.onnx")
        labels, probabilities = answer(model, rows)
        lines = [{"tolerance": 1e-5, "source": f"onnxruntime {onnxruntime.__version__}"}]
        for index, row in enumerate(rows.itertuples(index=False)):
            inputs = {name: plain(value) for name, value in zip(FEATURES, row)}
            outputs = {"label": int(labels[index]),
                       "probabilities": [plain(value) for value in probabilities[index]]}
            lines.append({"inputs": inputs, "outputs": outputs})
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        (GOLDEN / f"flight-delay-{number}.jsonl").write_text(text)


if __name__ == "__main__":
    main()
