#!/usr/bin/env python3
"""A file of 1,000,000 rows answered from start to end: `sluice predict` beside pandas and onnxruntime.

Run after `make build`:

    python3 Benchmarks/predict.py

Two cases: 30 columns of numbers with 500 trees of depth 6 (trained here with XGBoost), and the
sample's flight-delay@2 with its four columns of text. The peer is what most people write:
pandas.read_csv, onnxruntime with all threads on the whole table, DataFrame.to_csv. Each side is a
process of its own, measured by the system (wall, processor time, largest memory), in turns; the
least of the rounds counts. The answers are compared as well.

What the peers need is installed into a virtual environment under .venv/predict unless the Python
that runs this has it already.
"""
import argparse
import concurrent.futures
import importlib.util
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "flight-delay"
PEERS = {"pandas": "pandas==2.2.3", "onnxruntime": "onnxruntime==1.23.2", "xgboost": "xgboost==2.1.4",
         "onnxmltools": "onnxmltools==1.13.0", "skl2onnx": "skl2onnx==1.18.0"}
TEXT = ("carrier", "origin", "destination", "weekday")

PEER = """
import sys
import numpy as np, pandas as pd, onnxruntime as ort
model, rows, answers = sys.argv[1:4]
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
table = pd.read_csv(rows)
inputs = session.get_inputs()
if len(inputs) == 1:
    feed = {inputs[0].name: table.to_numpy(dtype=np.float32)}
else:
    feed = {i.name: table[i.name].to_numpy(
        dtype=object if "string" in i.type else np.float32).reshape(-1, 1) for i in inputs}
label, scores = session.run(None, feed)[:2]
result = pd.DataFrame({"label": np.asarray(label).reshape(-1)})
for column in range(scores.shape[1]):
    result[f"probabilities_{column}"] = scores[:, column]
result.to_csv(answers, index=False)
"""


def with_peers() -> None:
    """Starts again in an environment that has the peers."""
    if all(importlib.util.find_spec(name) for name in PEERS):
        return
    folder = ROOT / ".venv" / "predict"
    python = folder / "bin" / "python"
    if pathlib.Path(sys.prefix) == folder:
        raise SystemExit("the peers could not be installed into .venv/predict")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS.values()], check=True)
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


def make_numbers(folder: pathlib.Path, rows: int) -> tuple[pathlib.Path, pathlib.Path]:
    import numpy as np
    import pandas as pd
    import xgboost
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    model, table = folder / "trees.onnx", folder / f"numbers-{rows}.csv"
    random = np.random.default_rng(7)
    x = random.normal(size=(rows, 30)).astype(np.float32)
    if not table.exists():
        pd.DataFrame(x, columns=[f"f{i}" for i in range(30)]).to_csv(table, index=False)
    if not model.exists():
        part = x[:20_000]
        y = (part[:, 0] * part[:, 1] + np.sin(part[:, 2]) + part[:, 3] > 0).astype(int)
        trees = xgboost.XGBClassifier(n_estimators=500, max_depth=6, tree_method="hist")
        trees.fit(part, y)
        onnx = convert_xgboost(
            trees, initial_types=[("X", FloatTensorType([None, 30]))], target_opset=12)
        model.write_bytes(onnx.SerializeToString())
    return model, table


def make_flights(folder: pathlib.Path, rows: int) -> tuple[pathlib.Path, pathlib.Path]:
    table = folder / f"flights-{rows}.csv"
    if not table.exists():
        header, *lines = (SAMPLE / "traffic.csv").read_text().splitlines()
        with table.open("w") as file:
            file.write(header + "\n")
            for start in range(0, rows, len(lines)):
                file.write("\n".join(lines[:rows - start]) + "\n")
    return SAMPLE / "models" / "flight-delay-2.onnx", table


def apart(work, *arguments):
    """Runs a function in a process of its own: the system counts the memory of the process that
    starts another as that one's too, so this one must stay small."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(work, *arguments).result()


def measured(command: list[str]) -> dict[str, float]:
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} failed: {errors[-800:]}")
    return {"wall_seconds": time.monotonic() - begin,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "max_memory_mib": usage.ru_maxrss / 1024}


def compare(ours: pathlib.Path, theirs: pathlib.Path) -> str:
    import pandas as pd
    a = pd.read_csv(ours)
    b = pd.read_csv(theirs)
    if len(a) != len(b):
        raise SystemExit(f"{len(a)} answers beside {len(b)}")
    labels = int((a.iloc[:, 0].to_numpy() != b.iloc[:, 0].to_numpy()).sum())
    distance = abs(a.iloc[:, 1:3].to_numpy() - b.iloc[:, 1:3].to_numpy()).max()
    return f"{labels} labels differ, probabilities by at most {distance:.2g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / ".build/release/sluice"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, help="where files are made and kept")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with_peers()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        figures = {}
        for name, make in (("30 numbers, 500 trees", make_numbers),
                           ("flight-delay@2", make_flights)):
            model, table = apart(make, folder, options.rows)
            ours, theirs = folder / "sluice.csv", folder / "peer.csv"
            sides: dict[str, list[dict[str, float]]] = {"sluice": [], "peer": []}
            for _ in range(options.rounds):
                sides["sluice"].append(measured(
                    [options.program, "predict", str(model), "--input", str(table),
                     "--output", str(ours)]))
                sides["peer"].append(measured(
                    [sys.executable, "-c", PEER, str(model), str(table), str(theirs)]))
            best = {side: {key: min(run[key] for run in runs) for key in runs[0]}
                    for side, runs in sides.items()}
            ratio = {key: best["peer"][key] / best["sluice"][key] for key in best["sluice"]}
            figures[name] = {**best, "ratio": ratio, "answers": apart(compare, ours, theirs)}
            if not options.json:
                print(f"{name}: {options.rows:,} rows, {table.stat().st_size / 1e6:.0f} MB")
                for side in ("sluice", "peer", "ratio"):
                    line = figures[name][side]
                    print(f"  {side:7s} wall {line['wall_seconds']:8.2f}  processor "
                          f"{line['cpu_seconds']:8.2f}  memory {line['max_memory_mib']:8.0f}")
                print(f"  {figures[name]['answers']}", flush=True)
    if options.json:
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
