"""The machine under the figures: its name, and how fast it multiplies matrices."""

import platform
import time
from datetime import date
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.benchmarks.cases import CORES
from tests.benchmarks.digits import MNIST
from tests.benchmarks.side_by_side import answer, together

THREADS = torch.get_num_threads()  # torch's default: read before anything sets another
SIDE = 1024
SECONDS = 1.5


def describe() -> dict[str, Any]:
    """Give the block `machine` of build/bench.json."""
    return {
        "processor": processor(),
        "cores": CORES,
        "torch": torch.__version__,
        "date": date.today().isoformat(),
        "images": "MNIST" if MNIST.exists() else "noise of MNIST's shape",
        "gemm_gflops": gemm_rates(),
    }


def processor() -> str:
    """Give the processor's name as the system tells it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpuinfo(field: str) -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def busy(seconds: float = 0.3) -> float:
    """Give the share of the cores that is at work in the coming moments; 0 where the system does not tell."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    before = _ticks(stat)
    time.sleep(seconds)
    idle, total = (after - earlier for after, earlier in zip(_ticks(stat), before, strict=True))
    return round(1 - idle / total, 2)


def _ticks(stat: Path) -> tuple[int, int]:
    """Give the ticks that the cores were idle or waiting, and all ticks."""
    ticks = [int(number) for number in stat.read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def team(processes: int, threads: int) -> str:
    """Name a way to occupy the machine: a key of the GEMM rates."""
    return f"{processes} x {threads} {'thread' if threads == 1 else 'threads'}"


@cache
def gemm_rates() -> dict[str, float]:
    """Measure the GFLOP/s of torch.mm in float32 by processes x threads, the sum over processes."""
    teams = dict.fromkeys([(1, 1), (1, THREADS), (CORES, 1)])
    return {team(*sizes): round(_together(*sizes), 1) for sizes in teams}


@cache
def instruction_rate(processes: int) -> float:
    """Measure the GFLOP/s of multiply-adds of pairs of 16-bit integers in registers, the sum over processes.

    They are made by Halide, as those of `exact` are.
    """
    with together(_multiply_integers, [()] * processes) as one_round:
        return round(sum(one_round()), 1)


def _together(processes: int, threads: int) -> float:
    with together(_multiply, [(threads,)] * processes) as one_round:
        return sum(one_round())


def _multiply(pipe: Connection, threads: int) -> None:
    """Multiply for a while at each round; answer with the best GFLOP/s."""
    torch.set_num_threads(threads)
    a, b = torch.randn(2, SIDE, SIDE)
    out = torch.mm(a, b)
    best: float | None = None
    while True:
        answer(pipe, best)
        shortest, end = float("inf"), time.perf_counter() + SECONDS
        while (begun := time.perf_counter()) < end:
            torch.mm(a, b, out=out)
            shortest = min(shortest, time.perf_counter() - begun)
        best = 2 * SIDE**3 / shortest / 1e9


def _multiply_integers(pipe: Connection) -> None:
    """As `_multiply`: some vectors of 16 pairs by some others; all, with the sums, have registers of their own.

    Loads would take as long as the multiplications do.
    """
    import halide as hl  # not everywhere

    lanes, times, (some, others) = 16, 200_000, (4, 5) if "avx512bw" in _cpuinfo("flags").split() else (1, 4)
    lane, i, j = hl.Var("lane"), hl.Var("i"), hl.Var("j")
    given = [hl.ImageParam(hl.Int(16), 3, name) for name in ("one", "other")]
    total, out, pair = hl.Func("total"), hl.Func("out"), hl.RDom([(0, 2), (0, times)], "pair")
    total[lane, i, j] = hl.i32(0)
    total[lane, i, j] += hl.i32(given[0][pair.x, lane, i]) * hl.i32(given[1][pair.x, lane, j])
    out[lane, i, j] = total[lane, i, j]
    out.bound(lane, 0, lanes).bound(i, 0, some).bound(j, 0, others).vectorize(lane, lanes).unroll(i).unroll(j)
    total.compute_at(out, hl.Var.outermost()).vectorize(lane, lanes).unroll(i).unroll(j)
    adds = total.update().reorder(pair.x, lane, i, j, pair.y).atomic().vectorize(pair.x)
    adds.vectorize(lane, lanes).unroll(i).unroll(j)
    for each in given:
        each.dim(0).set_bounds(0, 2).set_stride(1)
        each.dim(1).set_bounds(0, lanes).set_stride(2)
        each.dim(2).set_min(0).set_stride(2 * lanes)
    kernel = out.compile_to_callable(given, hl.Target(f"{hl.get_host_target().to_string()}-no_asserts"))
    numbers = [hl.Buffer(np.ones((many, lanes, 2), np.int16)) for many in (some, others)]
    result = hl.Buffer(np.zeros((others, some, lanes), np.int32))
    best: float | None = None
    while True:
        answer(pipe, best)
        shortest, end = float("inf"), time.perf_counter() + SECONDS
        while (begun := time.perf_counter()) < end:
            kernel(*numbers, result)
            shortest = min(shortest, time.perf_counter() - begun)
        best = 4 * lanes * some * others * times / shortest / 1e9
