#!/usr/bin/env python3
"""From a model file to ready: processor time and memory, this engine beside onnxruntime.

    /tmp/bench/bin/python Benchmarks/loading.py /tmp/bench-models

Each load runs in a process of its own, after another small model was loaded on either side; the
median of several counts. Our time is reading, checking and compiling the file; our memory what the
process grew by until a session stood ready. onnxruntime's is that of `InferenceSession` on one
thread.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

THEIRS = """
import resource, sys, time, pathlib
import onnxruntime as ort
def resident():
    return int(next(l for l in open('/proc/self/status') if l.startswith('VmRSS')).split()[1])
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
small = ort.InferenceSession(sys.argv[2], options, providers=['CPUExecutionProvider'])
before, begin = resident(), time.process_time()
session = ort.InferenceSession(sys.argv[1], options, providers=['CPUExecutionProvider'])
print((time.process_time() - begin) * 1e3, resident() - before)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("--program", default=str(ROOT / ".build/release/sluice"))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    small = next(arguments.models.glob("mlp*.onnx"))
    for model in sorted(arguments.models.glob("*.onnx")):
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            report = json.loads(subprocess.run(
                [arguments.program, "bench", "load", "--model", model, "--after", small, "--json"],
                check=True, capture_output=True).stdout)
            ours.append((report["compile_ms"], report["resident_kib"]))
            done = subprocess.run([sys.executable, "-c", THEIRS, model, small], check=True,
                                  capture_output=True, text=True)
            theirs.append(tuple(float(x) for x in done.stdout.split()))
        our_ms, our_kib = (statistics.median(c) for c in zip(*ours))
        their_ms, their_kib = (statistics.median(c) for c in zip(*theirs))
        print(f"{model.stem:12s} sluice {our_ms:8.2f} ms {our_kib / 1024:7.1f} MiB   "
              f"onnxruntime {their_ms:8.2f} ms {their_kib / 1024:7.1f} MiB", flush=True)


if __name__ == "__main__":
    main()
