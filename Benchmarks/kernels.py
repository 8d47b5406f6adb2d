#!/usr/bin/env python3
"""Microseconds of processor time a row: this engine beside what a user would pick instead.

One run, one thread each, the engines take turns so that a busy neighbour meets all of them alike.
Peers with a C interface are called from C (peers.c); oneDAL, OpenVINO and a second onnxruntime
through Python, whose own cost is part of their figure.

    make build
    python3 -m venv /tmp/bench
    /tmp/bench/bin/pip install numpy pandas scikit-learn onnx onnxruntime skl2onnx onnxmltools \\
        xgboost lightgbm treelite tl2cgen lleaves "llvmlite<0.45" daal4py openvino
    /tmp/bench/bin/python Benchmarks/models.py /tmp/bench-models
    /tmp/bench/bin/python Benchmarks/kernels.py /tmp/bench-models

`--generated` also compiles the forests with tl2cgen and lleaves (minutes of compiler time each; the
result is kept beside the models). `--cpu scalar,avx2` repeats our figures with instruction sets
masked. Generated code, XGBoost and LightGBM compute scores only; onnxruntime, OpenVINO and this
engine everything that the model puts out, labels and probabilities.
"""
import argparse
import ctypes
import importlib.metadata
import json
import os
import pathlib
import statistics
import subprocess
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
F = ctypes.POINTER(ctypes.c_float)
D = ctypes.POINTER(ctypes.c_double)


def peers_library() -> ctypes.CDLL:
    target = pathlib.Path("/tmp") / f"sluice-peers-{os.getuid()}.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", target, ROOT / "Benchmarks/peers.c", "-ldl"],
                   check=True)
    library = ctypes.CDLL(str(target))
    for name in ("ort_load", "xgb_load", "lgb_load"):
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("ort_time", "xgb_time", "lgb_time", "generated_rows_time", "generated_range_time"):
        getattr(library, name).restype = ctypes.c_double
    return library


def within(package, pattern: str) -> str | None:
    found = sorted(pathlib.Path(package.__file__).parent.rglob(pattern))
    return str(found[-1]) if found else None


class Engine:
    """A way to compute a model: `time(batch, seconds)` gives microseconds a row."""

    def __init__(self, name, timer):
        self.name, self.time = name, timer


def sluice(arguments, model: pathlib.Path, rows: pathlib.Path, cpu: str | None) -> Engine:
    environment = dict(os.environ)
    if cpu:
        environment["SLUICE_CPU"] = cpu

    def timer(batch: int, seconds: float) -> float:
        report = json.loads(subprocess.run(
            [arguments.program, "bench", "kernels", "--model", model, "--rows", rows, "--batch",
             str(batch), "--json"], check=True, capture_output=True, env=environment).stdout)
        return report["figures"][0]["us_per_row_p50"]
    return Engine(f"sluice ({cpu} only)" if cpu else "sluice", timer)


def onnxruntime_c(library, model: pathlib.Path, rows: np.ndarray) -> Engine | None:
    import onnxruntime as ort
    path = within(ort, "libonnxruntime.so*")
    if not path or library.ort_open(path.encode()):
        return None
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    if len(session.get_inputs()) != 1:
        return None
    handle = library.ort_load(str(model).encode())
    names = [o.name.encode() for o in session.get_outputs()]
    outputs = (ctypes.c_char_p * len(names))(*names)
    wanted = next(i for i, o in enumerate(session.get_outputs()) if "float" in o.type)
    name = session.get_inputs()[0].name.encode()
    data = rows.ctypes.data_as(F)

    def timer(batch, seconds):
        return library.ort_time(
            ctypes.c_void_p(handle), name, outputs, ctypes.c_size_t(len(names)),
            ctypes.c_size_t(wanted), data, ctypes.c_size_t(rows.shape[0]),
            ctypes.c_size_t(rows.shape[1]), ctypes.c_size_t(batch), ctypes.c_double(seconds), None,
            ctypes.c_size_t(0))
    return Engine(f"onnxruntime {ort.__version__} (C)", timer)


def in_python(name: str, call, columns, count: int, clock=time.process_time) -> Engine:
    """`call(feed)` for feeds cut beforehand by `columns(start, stop)`."""
    def timer(batch, seconds):
        feeds = [columns(i, i + batch) for i in range(0, count - batch + 1, batch)][:512]
        begin, calls = clock(), 0
        while clock() - begin < seconds:
            for feed in feeds[:max(1, 256 // batch)]:
                call(feed)
                calls += 1
            feeds = feeds[len(feeds) // 2:] + feeds[:len(feeds) // 2]
        return (clock() - begin) / (calls * batch) * 1e6
    return Engine(name, timer)


def onnxruntime_py(model: pathlib.Path, table: dict[str, np.ndarray]) -> Engine:
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    inputs = [i.name for i in session.get_inputs()]
    outputs = [o.name for o in session.get_outputs()]
    if len(inputs) == 1 and inputs[0] not in table:
        table = {inputs[0]: next(iter(table.values()))}
    count = len(next(iter(table.values())))
    return in_python(f"onnxruntime {ort.__version__} (Python)",
                     lambda feed: session.run(outputs, feed),
                     lambda a, b: {n: table[n][a:b] for n in inputs}, count)


def xgboost_c(library, model: pathlib.Path, rows: np.ndarray) -> Engine | None:
    import xgboost
    handle = library.xgb_load(within(xgboost, "libxgboost.so").encode(), str(model).encode())
    if not handle:
        return None
    return Engine(f"XGBoost {xgboost.__version__} (C)", lambda batch, seconds: library.xgb_time(
        ctypes.c_void_p(handle), rows.ctypes.data_as(F), ctypes.c_size_t(rows.shape[0]),
        ctypes.c_size_t(rows.shape[1]), ctypes.c_size_t(batch), ctypes.c_double(seconds), None,
        ctypes.c_size_t(0)))


def lightgbm_c(library, model: pathlib.Path, rows: np.ndarray) -> Engine | None:
    import lightgbm
    handle = library.lgb_load(within(lightgbm, "lib_lightgbm.so").encode(), str(model).encode())
    if not handle:
        return None
    answers = np.zeros(rows.shape[0])
    return Engine(f"LightGBM {lightgbm.__version__} (C)", lambda batch, seconds: library.lgb_time(
        ctypes.c_void_p(handle), rows.ctypes.data_as(F), ctypes.c_size_t(rows.shape[0]),
        ctypes.c_size_t(rows.shape[1]), ctypes.c_size_t(batch), ctypes.c_double(seconds),
        answers.ctypes.data_as(D)))


def tl2cgen_code(library, model: pathlib.Path, rows: np.ndarray, is_wide: bool) -> Engine | None:
    import tl2cgen
    import treelite
    target = model.with_suffix(".tl2cgen.so")
    if not target.exists():
        loaded = (treelite.frontend.load_lightgbm_model(str(model)) if is_wide
                  else treelite.frontend.load_xgboost_model(str(model)))
        tl2cgen.export_lib(loaded, toolchain="gcc", libpath=str(target), params={"parallel_comp": 8},
                           nthread=1, verbose=False)
    code = ctypes.CDLL(str(target))
    function = ctypes.cast(code.predict, ctypes.c_void_p)
    answers = np.zeros(rows.shape[0] * 2)
    return Engine(f"tl2cgen {tl2cgen.__version__} (generated C)",
                  lambda batch, seconds: library.generated_rows_time(
                      function, int(is_wide), rows.ctypes.data_as(F), ctypes.c_size_t(rows.shape[0]),
                      ctypes.c_size_t(rows.shape[1]), ctypes.c_size_t(batch),
                      ctypes.c_double(seconds), answers.ctypes.data_as(ctypes.c_void_p)))


def lleaves_code(library, model: pathlib.Path, rows: np.ndarray) -> Engine:
    cache = model.with_suffix(".lleaves")
    if not cache.exists():
        import lleaves
        lleaves.Model(model_file=str(model)).compile(cache=str(cache))
    # What it keeps is an object file, which any linker makes a library of.
    target = cache.with_suffix(".lleaves.so")
    subprocess.run(["cc", "-shared", "-o", target, "-x", "none", cache], check=True)
    function = ctypes.cast(ctypes.CDLL(str(target)).forest_root, ctypes.c_void_p)
    wide = np.ascontiguousarray(rows, dtype=np.float64)
    answers = np.zeros(rows.shape[0])
    return Engine("lleaves (generated code)",
                  lambda batch, seconds: library.generated_range_time(
                      function, wide.ctypes.data_as(D), ctypes.c_size_t(rows.shape[0]),
                      ctypes.c_size_t(rows.shape[1]), ctypes.c_size_t(batch),
                      ctypes.c_double(seconds), answers.ctypes.data_as(D)))


def onedal_py(model: pathlib.Path, rows: np.ndarray) -> Engine:
    import daal4py
    daal4py.daalinit(1)
    if model.suffix == ".txt":
        import lightgbm
        built = daal4py.mb.convert_model(lightgbm.Booster(model_file=str(model)))
    else:
        import xgboost
        built = daal4py.mb.convert_model(xgboost.Booster(model_file=str(model)))
    version = importlib.metadata.version("daal4py")
    return in_python(f"oneDAL {version} (Python)", built.predict,
                     lambda a, b: rows[a:b], len(rows))


def openvino_py(model: pathlib.Path, rows: np.ndarray) -> Engine:
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(str(model), "CPU", {
        "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    return in_python(f"OpenVINO {openvino.__version__.split('-')[0]} float32 (Python)",
                     lambda feed: request.infer({0: feed}, share_inputs=True),
                     lambda a, b: rows[a:b], len(rows))


def attempt(engines: list, name: str, make) -> None:
    try:
        engine = make()
        if engine:
            engines.append(engine)
    except Exception as error:  # a peer that is not there, or refuses the model, is left out, aloud
        print(f"  ({name} left out: {str(error).strip().splitlines()[-1][:150]})")


def table_of(model: pathlib.Path, rows_path: pathlib.Path) -> dict[str, np.ndarray]:
    """The columns that a model with several inputs takes, from a CSV file."""
    import onnxruntime as ort
    import pandas
    frame = pandas.read_csv(rows_path, nrows=10_000)
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return {i.name: (frame[[i.name]].to_numpy(dtype=np.float32) if "float" in i.type
                     else frame[[i.name]].fillna("").astype(str).to_numpy(dtype=object))
            for i in session.get_inputs()}


def engines_of(arguments, library, model: pathlib.Path, rows_path: pathlib.Path,
               rows: np.ndarray | None) -> list[Engine]:
    engines = [sluice(arguments, model, rows_path, None)]
    engines += [sluice(arguments, model, rows_path, cpu) for cpu in arguments.cpu]
    if rows is None:
        attempt(engines, "onnxruntime (Python)",
                lambda: onnxruntime_py(model, table_of(model, rows_path)))
        return engines
    attempt(engines, "onnxruntime", lambda: onnxruntime_c(library, model, rows))
    attempt(engines, "onnxruntime (Python)", lambda: onnxruntime_py(model, {"": rows}))
    xgb, lgb = model.with_suffix(".ubj"), model.with_suffix(".txt")
    if xgb.exists():
        attempt(engines, "XGBoost", lambda: xgboost_c(library, xgb, rows))
    if lgb.exists():
        attempt(engines, "LightGBM", lambda: lightgbm_c(library, lgb, rows))
    for native in (xgb, lgb):
        if not native.exists():
            continue
        is_wide = native == lgb
        attempt(engines, "oneDAL", lambda: onedal_py(native, rows))
        if arguments.generated or native.with_suffix(".tl2cgen.so").exists():
            attempt(engines, "tl2cgen", lambda: tl2cgen_code(
                library, native if is_wide else model.with_suffix(".json"), rows, is_wide))
        if is_wide and (arguments.generated or native.with_suffix(".lleaves").exists()):
            attempt(engines, "lleaves", lambda: lleaves_code(library, native, rows))
    if model.stem.startswith("mlp"):
        attempt(engines, "OpenVINO", lambda: openvino_py(model, rows))
    return engines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("--program", default=str(ROOT / ".build/release/sluice"))
    parser.add_argument("--batch", default="1,1024,10000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="a round of a peer")
    parser.add_argument("--only", default="", help="models, separated by commas")
    parser.add_argument("--cpu", default="", help="also with SLUICE_CPU set to these")
    parser.add_argument("--generated", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.cpu = [c for c in arguments.cpu.split(",") if c]
    library = peers_library()
    results = []
    for model in sorted(arguments.models.glob("*.onnx")):
        if arguments.only and model.stem not in arguments.only.split(","):
            continue
        if model.stem == "lr_pipe":
            rows_path, rows = arguments.models / "pipe_rows.csv", None
        else:
            rows_path = arguments.models / "rows.npy"
            rows = np.ascontiguousarray(np.load(rows_path), dtype=np.float32)[:10_000]
        print(model.stem)
        engines = engines_of(arguments, library, model, rows_path, rows)
        for batch in (int(b) for b in arguments.batch.split(",")):
            figures = {e.name: [] for e in engines}
            for _ in range(arguments.rounds):
                for engine in engines:
                    figures[engine.name].append(engine.time(batch, arguments.seconds))
            medians = {name: statistics.median(f) for name, f in figures.items()}
            ours = medians["sluice"]
            for name, median in medians.items():
                ratio = "" if name == "sluice" else f"  {median / ours:7.1f}x"
                print(f"  batch {batch:6d}  {name:38s} {median:10.3f} us a row{ratio}")
                results.append({"model": model.stem, "batch": batch, "engine": name,
                                "us_per_row": median, "ratio": median / ours})
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
