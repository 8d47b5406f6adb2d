"""Compare a server's answers with onnxruntime's, row by row.

    sluice predict flight-delay@2 --input traffic.csv --output out.csv
    python check_answers.py flight-delay@2 traffic.csv out.csv

Labels must be the same and probabilities within 0.00001. Exit code 1 when they
are not. Needs numpy, pandas and onnxruntime.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from graph import answer, session
from prepare import HERE, read

TOLERANCE = 1e-5


def column(table: pd.DataFrame, *names: str) -> np.ndarray:
    for name in names:
        if name in table:
            return pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    raise SystemExit(f"the answers have no column {' or '.join(names)}; "
                     f"they have {', '.join(table.columns)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="flight-delay@1 .. flight-delay@4, or the path of a graph")
    parser.add_argument("input", type=Path, help="the rows that were asked")
    parser.add_argument("output", type=Path, help="the answers to compare")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    options = parser.parse_args()

    path = (Path(options.model) if options.model.endswith(".onnx")
            else HERE / "models" / f"{options.model.replace('@', '-')}.onnx")
    labels, probabilities = answer(session(path), read(options.input))
    given = pd.read_csv(options.output, float_precision="round_trip")
    if len(given) != len(labels):
        print(f"DIFFERENT: {len(given):,} answers to {len(labels):,} rows")
        return 1

    found_labels = column(given, "label")
    found = np.stack([column(given, f"probabilities[{i}]", f"probabilities_{i}") for i in (0, 1)], 1)
    distance = np.abs(found - probabilities).max(axis=1)
    other_label = found_labels != labels
    # Written so that an answer that is not a number counts as too far.
    too_far = ~(distance <= options.tolerance)
    print(f"{options.model}: {len(labels):,} rows; {other_label.sum():,} labels differ; "
          f"{too_far.sum():,} probabilities differ by more than {options.tolerance:g}; "
          f"largest difference {distance.max():.3g}")
    for row in np.flatnonzero(other_label | too_far)[:5]:
        print(f"  row {row + 1}: label {found_labels[row]:g}, probabilities {found[row]}; "
              f"onnxruntime: label {labels[row]}, probabilities {probabilities[row]}")
    same = not (other_label | too_far).any()
    print("SAME" if same else "DIFFERENT")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
