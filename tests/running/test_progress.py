"""Training shows itself: a plain line an epoch or a bar per seed, and a file for whoever watches."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.running import console, progress
from mnist_study.train.messages import Note, Progress

ROW = {"epoch": 1, "train_loss": 1.25, "train_accuracy": 50.0, "test_loss": 0.5, "test_accuracy": 98.76}


def sign(seed: int = 0, epoch: int = 1, images: int = 320, loss: float = 1.5, row: dict | None = None) -> Progress:
    return Progress(seed, epoch, images, 640, loss, 50.0, epoch_ended=row)


def test_a_plain_line_an_epoch_and_a_note_once(recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with progress.display(recipe, tmp_path / "tiny.json", tmp_path / "curves.csv") as show:
        show(Note("torch trains this one"))
        show(Note("torch trains this one"))
        show(sign(seed=3))
        show(sign(seed=3, images=640, loss=1.25, row=ROW))
    note, line = capsys.readouterr().out.splitlines()
    assert note == "torch trains this one"
    assert line.startswith("tiny seed 3 epoch 1/2 loss 1.2500 accuracy 50.00 test 98.76 ")
    assert line.endswith(" images/s")


def test_a_bar_for_each_seed(recipe: Recipe, tmp_path: Path):
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=160)
    with Bars(*progress.COLUMNS, console=terminal) as bars:
        show = progress.Display(recipe, tmp_path / "tiny.json", tmp_path / "curves.csv", bars)
        show(sign(seed=0))
        show(Note("seed 1 [resumed]"))
        show(sign(seed=1, epoch=2, images=640, loss=0.5, row=ROW))
        assert [task.completed for task in bars.tasks] == [320, 1280]
        bars.refresh()
    shown = screen.getvalue()
    for part in ("seed 0", "seed 1", "epoch 2/2", "loss 0.5000", "test 98.76", "images/s", "seed 1 [resumed]"):
        assert part in shown


def test_a_file_tells_how_far_it_is_and_goes(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    path = tmp_path / "progress" / "tiny.json"

    def status() -> dict:
        return json.loads(path.read_text())

    with progress.display(replace(recipe, seeds=(3, 4)), path, tmp_path / "curves.csv") as show:
        show(sign(seed=3, images=64))
        assert status() == {
            "epoch": 1,
            "epochs": 2,
            "done": 64,
            "total": 2 * 2 * 640,
            "images_per_second": 0.0,
            "test_accuracy": None,
            "seeds": 2,
        }
        now = 100.5
        show(sign(seed=4, images=128))
        assert status()["done"] == 64  # at most once a second
        now = 102.0
        show(sign(seed=3, images=320))
        assert (status()["done"], status()["images_per_second"]) == (448, 128.0)
        show(sign(seed=3, images=640, row=ROW))  # and at each epoch's end
        assert (status()["done"], status()["test_accuracy"]) == (768, 98.76)
    assert [left.name for left in path.parent.iterdir()] == ["tiny.pace"]


def test_the_pace_of_all_seeds_is_kept_once_all_are_done(recipe: Recipe, tmp_path: Path):
    kept = tmp_path / "tiny.pace"

    def diverge() -> None:
        with progress.display(recipe, tmp_path / "tiny.json", tmp_path / "curves.csv") as show:
            show(sign())
            raise UserError("it diverged")

    with pytest.raises(UserError):
        diverge()
    assert not kept.exists()
    with progress.display(recipe, tmp_path / "tiny.json", tmp_path / "curves.csv") as show:
        show(sign())
        time.sleep(0.2)
        show(sign(images=640, row=ROW))
    pace = json.loads(kept.read_text())
    assert 320 < pace.pop("images_per_second") < 3200
    assert pace == {"architecture": "two_pool", "model": {}, "engine": recipe.engine, "device": "cpu"}


def test_one_message_a_seed_tells_no_pace(recipe: Recipe, tmp_path: Path):
    with progress.display(recipe, tmp_path / "tiny.json", tmp_path / "curves.csv") as show:
        show(sign(seed=0, images=640, row=ROW))
        show(sign(seed=1, images=640, row=ROW))
    assert not (tmp_path / "tiny.pace").exists()


def test_an_error_is_its_lines_and_status_1(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended, console.plain_errors():
        raise UserError("first\nsecond")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: first\nerror: second\n"


def test_what_the_system_refuses_is_named(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended, console.plain_errors():
        Path("no/such/file").read_text()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: no/such/file: No such file or directory\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_one_line_and_its_status(number: int, status: int, capsys: pytest.CaptureFixture[str]):
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        with pytest.raises(SystemExit) as ended, console.plain_errors():
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGINT)  # a second one is ignored
        assert ended.value.code == status
        assert capsys.readouterr().err == "interrupted\n"
    finally:
        for each, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(each, handler)


def test_a_signal_amid_exec_ends_it_no_other_way():
    """An import makes dataclasses by `exec`; Python never forgets a KeyboardInterrupt that passes through it."""
    code = """
        import os, sys
        from mnist_study.running.console import plain_errors
        with plain_errors():
            exec("os.kill(os.getpid(), 15)")
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (143, "interrupted\n")


def test_signals_are_as_before_when_all_went_well():
    before = signal.getsignal(signal.SIGTERM)
    with console.plain_errors():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MNIST_STUDY_DEBUG", "1")
    with pytest.raises(UserError), console.plain_errors():
        raise UserError("first")
