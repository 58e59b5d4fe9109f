"""An interrupted training ends at once and quietly; a killed one goes on where it was, to the same bytes."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.tiny import TINY, write_tiny_mnist
from tests.train.test_training import ROTATE

RECIPE = replace(
    TINY,
    epochs=16,
    scheduler="one_cycle",
    scheduler_options={"pct_start": 0.3, "div_factor": 25, "final_div_factor": 10000},
    model={"dropout": 0.05},
    ema=0.9,
    anneal_epochs=4,
    engine="exact",
)
KILLS = 10
FAULTS = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The code, and what its earlier stages would have written for one variant of two seeds."""
    for name in ("src", "stages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    write_tiny_mnist(tmp_path / "data" / "mnist")
    for path, text in {
        "build/recipes/tiny.json": RECIPE.to_json(),
        "data/transforms/rotate.json": json.dumps(asdict(ROTATE)),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def start(folder: Path) -> subprocess.Popen[str]:
    """Start the stage as the leader of a process group of its own."""
    command = [sys.executable, "-m", "stages.train", "tiny"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def weights(folder: Path) -> list[bytes]:
    return [(folder / "models" / "tiny" / f"seed-{seed}.safetensors").read_bytes() for seed in RECIPE.seeds]


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def hears_sigterm(process: subprocess.Popen[str]) -> bool:
    """Tell whether the process has begun to handle SIGTERM, which Python by itself does not."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def group_is_gone(process: subprocess.Popen[str]) -> bool:
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize(
    ("number", "moment", "to_all"),
    [
        # Ctrl-C on a terminal is for the whole group.
        pytest.param(signal.SIGINT, "mid-training", True, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, "mid-training", False, marks=FAULTS),
        *(
            pytest.param(number, moment, to_all, marks=FAULTS)
            for moment in (0, 0.1, 0.3, 1, 2)
            for number, to_all in ((signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGTERM, True))
        ),
    ],
)
def test_a_signal_ends_it_soon_in_one_line(folder: Path, number: int, moment: float | str, to_all: bool):
    process = start(folder)
    wait_until(lambda: hears_sigterm(process))
    if moment == "mid-training":
        wait_until((folder / "build" / "progress" / "tiny.json").exists)
    else:
        time.sleep(float(moment))
    began = time.monotonic()
    (os.killpg if to_all else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 2
    assert (process.returncode, err) == (128 + number, "interrupted\n")
    assert all(line.startswith("tiny seed ") for line in out.splitlines())
    wait_until(lambda: group_is_gone(process), seconds=2)
    assert list(folder.glob("build/progress/*")) == []


@pytest.mark.slow
@pytest.mark.faults
def test_a_killed_parent_takes_its_processes_with_it(folder: Path):
    process = start(folder)
    wait_until((folder / "build" / "progress" / "tiny.json").exists)
    process.kill()
    _, err = process.communicate(timeout=20)
    assert err == ""
    wait_until(lambda: group_is_gone(process), seconds=2)


@pytest.mark.slow
@pytest.mark.faults
def test_killed_at_any_moment_it_gives_the_same_bytes(
    folder: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
):
    """Ten times over: SIGKILL for the whole group at a random moment, then once more to the end."""
    began = time.monotonic()
    whole = start(folder)
    _, err = whole.communicate(timeout=300)
    lasted = time.monotonic() - began
    assert (whole.returncode, err) == (0, "")
    expected, results = weights(folder), (folder / "results" / "training" / "tiny.json").read_bytes()
    moments, kills = random.Random(0), 0
    while kills < KILLS:
        shutil.rmtree(folder / "models")
        shutil.rmtree(folder / "results")
        began, after = time.monotonic(), lasted * moments.uniform(0.3, 1)  # kernels are compiled before that
        process = start(folder)
        try:
            process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        else:  # the machine is quicker now than it was
            lasted = time.monotonic() - began
            continue
        kills += 1
        saved = len(list(folder.glob("build/checkpoints/tiny/seed-*")))
        again = start(folder)
        out, err = again.communicate(timeout=300)
        assert (again.returncode, err) == (0, "")
        assert weights(folder) == expected
        assert (folder / "results" / "training" / "tiny.json").read_bytes() == results
        assert list(folder.glob("build/checkpoints/*")) == list(folder.glob("build/progress/*.json")) == []
        resumed = [line.rsplit("/", 1)[1] for line in out.splitlines() if "checkpoint: resumed" in line]
        assert len(resumed) == saved
        with capsys.disabled():
            how = "; ".join(sorted(resumed)) or "began anew, no epoch was whole"
            print(f"\n{kills}: killed after {after:.1f} s of {lasted:.1f} s; {how}; same bytes", end="")
    record_property("faults", KILLS)
