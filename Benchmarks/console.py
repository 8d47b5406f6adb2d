#!/usr/bin/env python3
"""Measures the console through a pseudo-terminal: first paint, CPU, bytes, key to paint.

Run after `make build`:  python3 Benchmarks/console.py [--program .build/release/sluice] [--json]

Method: the program runs `demo` in a pseudo-terminal of 160x45 (TERM=xterm-256color). Every read is
time-stamped. First paint is the first read after which a whole screen has been drawn, from the
start of the process. CPU is utime+stime of the threads that draw (the main thread and those named
console*), from /proc, scaled to a minute; the node's own threads (traffic, telemetry) are reported
beside it. A frame is a run of writes less than 20 ms apart. Key to paint is the time from a key to
the first byte that follows it.
"""
import argparse
import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import statistics
import struct
import tempfile
import termios
import time

COLUMNS, ROWS = 160, 45


class Recorder:
    """A program in a pseudo-terminal whose every write is time-stamped."""

    def __init__(self, program: str, arguments: list[str], environment: dict[str, str]):
        self.started = time.monotonic()
        self.reads: list[tuple[float, int]] = []
        self.first_bytes = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execve(program, [program, *arguments], {**os.environ, **environment})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def pump(self, seconds: float, until_output: bool = False) -> float | None:
        """Reads for so long; with until_output returns the time of the first byte."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.fd], [], [], left)
            if not ready:
                break
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:
                break
            if not data:
                break
            now = time.monotonic()
            self.reads.append((now, len(data)))
            if len(self.first_bytes) < 1 << 18:
                self.first_bytes += data
            if until_output:
                return now
        return None

    def key(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def bytes_between(self, begin: float, end: float) -> int:
        return sum(n for t, n in self.reads if begin <= t < end)

    def frames_between(self, begin: float, end: float) -> list[int]:
        frames: list[int] = []
        last = -1.0
        for t, n in self.reads:
            if not begin <= t < end:
                continue
            if t - last > 0.020:
                frames.append(0)
            frames[-1] += n
            last = t
        return frames

    def cpu(self) -> tuple[float, float]:
        """CPU seconds of the drawing threads and of all other threads."""
        drawing = other = 0.0
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{thread}/schedstat") as file:
                    seconds = int(file.read().split()[0]) / 1e9
                with open(f"/proc/{self.pid}/task/{thread}/comm") as file:
                    name = file.read().strip()
            except (FileNotFoundError, IndexError, ValueError):
                continue
            if int(thread) == self.pid or name.startswith("console"):
                drawing += seconds
            else:
                other += seconds
        return drawing, other

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        for _ in range(100):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            self.pump(0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def demo(program: str, *options: str) -> Recorder:
    return Recorder(program, ["demo", *options],
                    {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLORTERM": ""})


def first_paint(program: str, runs: int) -> float:
    times = []
    for _ in range(runs):
        recorder = demo(program)
        end = time.monotonic() + 5
        painted = None
        # A screen is complete when the last row (the key hints) has been reached.
        while painted is None and time.monotonic() < end:
            now = recorder.pump(0.5, until_output=True)
            if now and re.search(rb"\x1b\[%d(;\d+)?H|\x1b\[%dd" % (ROWS, ROWS),
                                 recorder.first_bytes):
                painted = now
        if painted:
            times.append((painted - recorder.started) * 1e3)
        recorder.stop()
    return statistics.median(times) if times else float("nan")


def rate(program: str, hz: int, seconds: float) -> dict[str, float]:
    recorder = demo(program, "--refresh", str(hz))
    recorder.pump(6)
    drawing0, other0 = recorder.cpu()
    begin = time.monotonic()
    recorder.pump(seconds)
    end = time.monotonic()
    drawing1, other1 = recorder.cpu()
    frames = recorder.frames_between(begin, end)
    result = {
        "ui_cpu_s_per_min": (drawing1 - drawing0) * 60 / (end - begin),
        "node_cpu_s_per_min": (other1 - other0) * 60 / (end - begin),
        "frames_per_s": len(frames) / (end - begin),
        "bytes_per_frame": statistics.mean(frames) if frames else 0,
        "bytes_per_s": recorder.bytes_between(begin, end) / (end - begin),
    }
    recorder.stop()
    return result


def frozen(program: str) -> float:
    recorder = demo(program)
    recorder.pump(4)
    recorder.key(" ")
    recorder.pump(2)
    begin = time.monotonic()
    recorder.pump(10)
    result = recorder.bytes_between(begin, time.monotonic()) / 10
    recorder.stop()
    return result


def key_to_paint(program: str, keys: int) -> tuple[float, float]:
    """Moves the selection: the answer needs no call to the node."""
    recorder = demo(program)
    recorder.pump(4)
    recorder.key("2")
    recorder.pump(0.5)
    times = []
    for i in range(keys):
        recorder.pump(random.uniform(0.05, 0.15))
        sent = time.monotonic()
        recorder.key("j" if i % 2 == 0 else "k")
        answered = recorder.pump(1, until_output=True)
        if answered:
            times.append((answered - sent) * 1e3)
    recorder.stop()
    times.sort()
    return statistics.median(times), times[int(len(times) * 0.95)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=".build/release/sluice")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("SLUICE_SAMPLES", os.path.abspath("samples"))
    program = os.path.abspath(arguments.program)
    with tempfile.TemporaryDirectory():
        p50, p95 = key_to_paint(program, 60)
        figures = {
            "first_paint_ms": first_paint(program, 7),
            "at_1_hz": rate(program, 1, arguments.seconds),
            "at_10_hz": rate(program, 10, arguments.seconds),
            "frozen_bytes_per_s": frozen(program),
            "key_to_paint_ms_p50": p50,
            "key_to_paint_ms_p95": p95,
        }
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"console in a {COLUMNS}x{ROWS} pseudo-terminal")
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"  {name}: " + ", ".join(f"{k} {v:.3g}" for k, v in value.items()))
        else:
            print(f"  {name}: {value:.3g}")


if __name__ == "__main__":
    main()
