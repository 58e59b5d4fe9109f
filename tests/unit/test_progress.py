"""Training shows itself: a plain line an epoch without a terminal, a bar per seed on one."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from mnist_study import console, progress
from mnist_study.errors import StudyError
from mnist_study.training import Progress

ROW = {"test_accuracy": 98.76}


def test_a_plain_line_an_epoch(capsys: pytest.CaptureFixture[str]):
    with progress.display("tiny", epochs=2, images=640) as show:
        show(Progress(seed=3, epoch=1, images=320, loss=1.5, accuracy=50.0))
        show(Progress(seed=3, epoch=1, images=640, loss=1.25, accuracy=60.0, epoch_ended=ROW))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("tiny seed 3 epoch 1/2 loss 1.2500 accuracy 60.00 test 98.76 ")
    assert lines[0].endswith(" images/s")


def test_a_bar_for_each_seed():
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=160)
    with Bars(*progress.COLUMNS, console=terminal) as bars:
        show = progress.Display("tiny", 2, 640, bars)
        show(Progress(seed=0, epoch=1, images=320, loss=1.5, accuracy=50.0))
        show(Progress(seed=1, epoch=2, images=640, loss=0.5, accuracy=90.0, epoch_ended=ROW))
        assert [task.completed for task in bars.tasks] == [320, 1280]
        bars.refresh()
    shown = screen.getvalue()
    for part in ("seed 0", "seed 1", "epoch 2/2", "loss 0.5000", "test 98.76", "images/s"):
        assert part in shown


def test_an_error_is_its_lines_and_status_1(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended, console.plain_errors():
        raise StudyError("first\nsecond")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: first\nerror: second\n"


def test_what_the_system_refuses_is_named(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended, console.plain_errors():
        Path("no/such/file").read_text()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: no/such/file: No such file or directory\n"


def test_ctrl_c_is_one_line_and_status_130(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended, console.plain_errors():
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MNIST_STUDY_DEBUG", "1")
    with pytest.raises(StudyError), console.plain_errors():
        raise StudyError("first")
