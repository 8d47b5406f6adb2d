#!/usr/bin/env python3
"""One row at a time and in batches: this engine beside onnxruntime, on the sample's models.

Run after `make build`, with onnxruntime and numpy in the Python that runs it:

    python3 -m venv /tmp/bench && /tmp/bench/bin/pip install onnxruntime==1.23.2 numpy
    /tmp/bench/bin/python Benchmarks/inference.py

Both run on one thread and walk through the same rows. Our figure is processor time a row measured
in the program (`sluice bench kernels`). onnxruntime is called through its Python interface with
inputs prepared beforehand; its own cost of taking 13 inputs, four of them text, is part of it, as
it is for anyone who calls it so.
"""
import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import time

import numpy as np
import onnxruntime as ort

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "flight-delay"
TEXT = {"carrier", "origin", "destination", "weekday"}


def columns(path: pathlib.Path, limit: int) -> dict[str, np.ndarray]:
    with path.open(newline="") as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(limit))]
    names = [n for n in rows[0] if n not in ("late", "scheduled_minute", "label_delay_minutes")]
    return {
        n: np.array([[r[n]] for r in rows], dtype=object) if n in TEXT
        else np.array([[r[n] or "nan"] for r in rows], dtype=np.float32)
        for n in names
    }


def onnxruntime_us(model: pathlib.Path, data: dict[str, np.ndarray], batch: int) -> float:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    count = len(next(iter(data.values())))
    feeds = [{n: v[i:i + batch] for n, v in data.items()}
             for i in range(0, count - batch + 1, batch)]
    outputs = [o.name for o in session.get_outputs()]
    means = []
    for _ in range(7):
        begin = time.process_time()
        calls = 0
        while time.process_time() - begin < 0.2:
            for feed in feeds[:64]:
                session.run(outputs, feed)
                calls += 1
        means.append((time.process_time() - begin) / (calls * batch) * 1e6)
    return statistics.median(means)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=str(ROOT / ".build/release/sluice"))
    parser.add_argument("--batch", default="1,64,1024")
    arguments = parser.parse_args()
    data = columns(SAMPLE / "traffic.csv", 10_000)
    batches = [int(b) for b in arguments.batch.split(",")]
    print(f"onnxruntime {ort.__version__}; microseconds of processor time a row, one thread")
    for number in (1, 2, 3, 4):
        model = SAMPLE / "models" / f"flight-delay-{number}.onnx"
        report = json.loads(subprocess.run(
            [arguments.program, "bench", "kernels", "--model", model, "--rows",
             SAMPLE / "traffic.csv", "--batch", arguments.batch, "--json"],
            check=True, capture_output=True).stdout)
        for batch, figure in zip(batches, report["figures"]):
            ours, theirs = figure["us_per_row_p50"], onnxruntime_us(model, data, batch)
            print(f"flight-delay@{number} batch {batch:5d}: sluice {ours:7.2f}  "
                  f"onnxruntime {theirs:7.2f}  ratio {theirs / ours:5.1f}")
        print(f"flight-delay@{number} compile {report['compile_ms']:.1f} ms, "
              f"session {report['session_bytes'] / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
