"""What a run measured, as build/bench.json and as the table at its end."""

import json
import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from mnist_study.core import files
from tests.benchmarks import machine
from tests.benchmarks.cases import ARCHITECTURES, BATCH_SIZES, CORES, ENGINES, Case, missing
from tests.benchmarks.digits import ROOT

TARGET = ROOT / "build" / "bench.json"
WIDTH = 170
BUSY = 0.1  # the share of the cores that others may have at work beside a case
CAPTION = """share: of the rate of GEMM; of exact: of 16-bit multiply-adds in registers
augment: its share of the time of our training (goal: at most 5 % of exact's)
*: other processes were at work just before or after, so this figure says little"""
OURS = [engine for engine in ENGINES if not engine.startswith("plain")]
Row = dict[str, float | None]


@dataclass
class Figures:
    """The figures of one run: by case's key, by engine, and why an engine was left out."""

    rows: dict[str, Row] = field(default_factory=dict)
    starts: dict[str, dict[str, float]] = field(default_factory=dict)
    augment_ms: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 2), compare=False)

    def skip_missing(self, engine: str) -> None:
        """Skip the running benchmark where its engine is missing."""
        if reason := missing(engine):
            self.missing[engine] = reason
            pytest.skip(reason)

    def add_ratios(self) -> None:
        """Relate each case to the plain one that ran beside it."""
        for key, row in self.rows.items():
            plain = self.rows.get("plain/" + key.partition("/")[2], {}).get("images_per_second")
            speed = row["images_per_second"]
            row["ratio_to_plain"] = round(speed / plain, 2) if speed and plain else None

    def write(self) -> None:
        """Lay this run's figures over those that build/bench.json holds."""
        self.add_ratios()
        parts = {"start_and_memory": self.starts, "augment_1024_images_ms": self.augment_ms}
        measured = {name: part for name, part in parts.items() if part}
        update({**self.rows, **measured, "machine": {**machine.describe(), "load_before": self.load}})

    def show(self, console: Console) -> None:
        """Print the table and the lines under it."""
        self.add_ratios()
        if self.rows:
            console.print(self._table())
        console.print(f"{machine.processor()}, {CORES} cores; load average before: {self.load}")
        told = ", ".join(f"{rate:,.0f} ({team})" for team, rate in machine.gemm_rates().items())
        console.print(f"GEMM in float32, GFLOP/s: {told}")
        if any(key.startswith("exact/") for key in self.rows):
            console.print(
                f"16-bit multiply-adds in registers, GFLOP/s: {machine.instruction_rate(CORES):,.0f} (all cores)"
            )
        for name, milliseconds in self.augment_ms.items():
            console.print(f"augmenting 1,024 images on one thread, {name}: {milliseconds:,.1f} ms")
        for engine, start in self.starts.items():
            console.print(f"{engine}: {start['first_step_s']:.1f} s from process start to the end of the first step")
            console.print(f"{engine}: {start['peak_mib']:,.0f} MiB at the peak of one replica's process")
        for engine, reason in self.missing.items():
            console.print(f"{engine}: left out: {reason}")

    def _table(self) -> Table:
        table = Table(
            box=SIMPLE,
            show_edge=False,
            title="images per second, ratio to plain, share of the machine's rate",
            caption=CAPTION,
        )
        table.add_column("network", no_wrap=True)
        for heading in ["batch", *ENGINES, *(f"augment,\n{engine}" for engine in OURS)]:
            table.add_column(heading, justify="right", no_wrap=True)
        for architecture in ARCHITECTURES:
            for batch_size in BATCH_SIZES:
                rows = {engine: self.rows.get(Case(engine, architecture, batch_size).key) for engine in ENGINES}
                if any(rows.values()):
                    shares = [percent((rows[engine] or {}).get("augmentation_share")) for engine in OURS]
                    table.add_row(architecture, str(batch_size), *map(cell, rows.values()), *shares)
        return table


def cell(row: Row | None) -> str:
    """Write one case: images per second, ratio, share."""
    if row is None:
        return "-"
    ratio = row["ratio_to_plain"]
    told = "-" if ratio is None else f"{ratio:.1f}x"
    mark = "*" if (row["busy_beside"] or 0) > BUSY else ""
    return f"{mark}{row['images_per_second']:,.0f} {told:>6} {percent(row['share_of_rate']):>6}"


def percent(share: float | None) -> str:
    """Write a share in percent, a missing one as a dash."""
    return "-" if share is None else f"{100 * share:.1f} %"


def held() -> dict[str, Any]:
    """Give what build/bench.json holds."""
    return json.loads(TARGET.read_text()) if TARGET.exists() else {}


def update(changes: dict[str, Any]) -> None:
    """Change some keys of build/bench.json in one move."""
    files.write(TARGET, (json.dumps({**held(), **changes}, indent=2, sort_keys=True) + "\n").encode())
