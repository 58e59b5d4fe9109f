"""`make study` without DVC: the plan, jobs as processes, what the display says."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from mnist_study.tools import dvc
from mnist_study.tools.parallel import display, local, runner
from mnist_study.tools.parallel.display import COLUMNS, Display, line
from mnist_study.tools.parallel.local import last_words
from mnist_study.tools.parallel.plan import Job, at_once, stale
from tests.support.tiny import TINY

STATUS = {"epoch": 3, "epochs": 19, "done": 150, "total": 1200, "images_per_second": 5.0, "test_accuracy": 98.76}


def test_a_job_is_what_is_stale_of_a_variant_and_the_longest_comes_first():
    recipes = [replace(TINY, variant=name, epochs=epochs) for name, epochs in zip("abcd", (1, 2, 3, 4), strict=True)]
    jobs = stale({"train@a": [], "train@c": [], "evaluate@c": [], "evaluate@d": [], "report": []}, recipes)
    assert [(job.name, job.work) for job in jobs] == [("c", 6), ("a", 2), ("d", 1)]
    stages = [[command[-1] for command in job.commands] for job in jobs]
    assert stages == [["train@c", "evaluate@c"], ["train@a", "evaluate@a"], ["evaluate@d"]]


def test_a_job_says_what_it_needs_of_a_node():
    gpu = replace(TINY, variant="gpu", device="cuda")
    three = replace(TINY, variant="three", seeds=(0, 1, 2))
    jobs = stale({"train@gpu": [], "train@three": [], "evaluate@tiny": []}, [gpu, three, TINY])
    assert {job.name: (job.seeds, job.gpu) for job in jobs} == {
        "gpu": (2, True),
        "three": (3, False),
        "tiny": (0, False),
    }


@pytest.mark.parametrize(
    ("seeds", "cores", "jobs"),
    [
        ([1] * 60, 2, 2),
        ([1] * 60, 64, 64),
        ([2] * 3, 2, 1),  # two at once would leave a core idle beside the third
        ([2] * 4, 2, 2),
        ([5], 8, 1),
        ([], 2, 2),
    ],
)
def test_as_many_at_once_as_is_quickest(seeds: list[int], cores: int, jobs: int):
    assert at_once(seeds, cores) == jobs


class Recorder(Display):
    """Keeps what it is to show, and how many jobs ran at most."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.running = self.most = 0

    def started(self, job: Job, where: str = "") -> None:
        self.running += 1
        self.most = max(self.most, self.running)

    def ended(self, job: Job, failure: str | None) -> None:
        self.running -= 1
        self.events.append(f"{job.name}: {failure}")

    def look(self) -> None:
        pass


def variant(name: str, *scripts: str, work: int = 1) -> Job:
    return Job(name, tuple(("-c", script) for script in scripts), work)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """What runs here is Python instead of DVC."""
    monkeypatch.setattr(dvc, "COMMAND", (sys.executable,))
    monkeypatch.setattr(runner, "SECONDS", 0.01)
    return Recorder()


def test_jobs_run_side_by_side_and_a_failure_stops_no_other(recorder: Recorder, tmp_path: Path):
    jobs = [
        variant("a", "import os; print(os.environ['MNIST_STUDY_WORKERS'])", "print('then')"),
        variant("b", "exit('error: no luck')", "print('never')"),
        variant("c", "pass"),
    ]
    failed = runner.run(jobs, 2, tmp_path, 3, recorder)
    assert failed == {"b": f"no luck; see {tmp_path / 'b.log'}"}
    assert sorted(recorder.events) == ["a: None", f"b: {failed['b']}", "c: None"]
    assert recorder.most == 2
    assert (tmp_path / "a.log").read_text() == "3\nthen\n"
    assert "never" not in (tmp_path / "b.log").read_text()


@pytest.mark.parametrize("deaf", [False, True])
def test_what_runs_ends_with_the_study(deaf: bool, tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch):
    """As when a signal comes; the process begins with SIGINT ignored, as DVC does, and may hear it late or never."""
    monkeypatch.setattr(local, "SECONDS_TO_END", 0.5 if deaf else 20.0)
    hear = "" if deaf else "time.sleep(0.3); signal.signal(signal.SIGINT, signal.SIG_DFL);"
    here = local.Running(variant("a", f"import signal, time; {hear} time.sleep(60)"), tmp_path / "a.log", 1)
    local.stop([here])
    assert here.process.returncode == (-9 if deaf else -2)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("error: variants.a: no\nerror: variants.a: luck\nERROR: failed\n", "variants.a: no\nvariants.a: luck"),
        ("Traceback:\n  File\nValueError: no luck\n\n", "dvc repro: exit status 1 after: ValueError: no luck"),
        ("one\ntwo\nERROR: failed\n\nTry\nagain\n", "dvc repro: exit status 1 after: two; ERROR: failed"),
        ("ERROR: is busy\n  by 46\n", "dvc repro: exit status 1 after: ERROR: is busy"),
        ("", "dvc repro: exit status 1"),
    ],
)
def test_the_last_words_of_a_command_say_why_it_failed(log: str, words: str):
    assert last_words(log, "dvc repro: exit status 1") == words


def test_a_command_that_says_nothing_is_named_with_its_exit_status(recorder: Recorder, tmp_path: Path):
    failed = runner.run([variant("a", "exit(255)")], 1, tmp_path, 1, recorder)
    assert failed == {"a": f"dvc -c exit(255): exit status 255; see {tmp_path / 'a.log'}"}


def test_a_line_says_how_far_a_training_is():
    assert line(STATUS) == "epoch 3/19  98.76 %  5 images/s"
    assert line({**STATUS, "test_accuracy": None}) == "epoch 3/19  5 images/s"


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    replicas = [{"test_accuracy": 99.40}, {"test_accuracy": 99.42}]
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "a.json").write_text(json.dumps({"replicas": replicas}))
    return tmp_path / "evaluation"


def test_plain_lines_without_a_terminal(tmp_path: Path, evaluation: Path, capsys: pytest.CaptureFixture[str]):
    a, b, rest = variant("a"), variant("b"), variant("rest", work=0)
    show = Display([a, b, rest], tmp_path, evaluation, None)
    (tmp_path / "a.json").write_text("{}")  # left by a process that was killed
    for job in (a, b, rest):
        show.started(job)
    show.look()
    show.began[a] -= 192
    show.ended(a, None)
    show.ended(b, "no luck")
    show.ended(rest, None)
    assert capsys.readouterr().out.splitlines() == [
        "a: started",
        "b: started",
        "rest: started",
        "a: done in 0:03:12, 99.41 %, 1 of 2",
        "b: failed after 0:00:00: no luck",
        "rest: done in 0:00:00",
    ]


def test_a_bar_for_all_and_one_for_each_job(tmp_path: Path, evaluation: Path):
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120)
    a, b = variant("a", work=8), variant("b", work=8)
    with Progress(*COLUMNS, console=terminal, auto_refresh=False) as bars:
        show = Display([a, b], tmp_path, evaluation, bars)
        show.started(a)
        (tmp_path / "a.json").write_text(json.dumps(STATUS))
        show.look()
        assert [task.completed for task in bars.tasks] == [1, 0.125]
        show.ended(a, None)
        show.look()
        assert [(task.description, task.completed) for task in bars.tasks] == [("all", 8)]
    for part in ("0 of 2 variants", "epoch 3/19", "98.76 %", "a: done in 0:00:00, 99.41 %, 1 of 2"):
        assert part in screen.getvalue()


def test_plain_lines_of_a_cluster(
    tmp_path: Path, evaluation: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    a, b, c = variant("a", work=8), variant("b", work=8), variant("c", work=8)
    show = Display([a, b, c], tmp_path, evaluation, None)
    show.started(a, "n-1")
    show.started(b, "n-2")
    show.ended(a, None)
    show.started(b, "n-1")
    show.started(c, "n-1")
    (tmp_path / "b.json").write_text(json.dumps({**STATUS, "done": 600}))
    show.ended(c, "no luck")  # and one of which nothing was ever heard
    monkeypatch.setattr(display, "EVERY", -1)
    show.start -= 250
    show.look()
    assert capsys.readouterr().out.splitlines() == [
        "a: started on n-1",
        "b: started on n-2",
        "a: done in 0:00:00, 99.41 %, 1 of 3",
        "b: started again on n-1",
        "c: started on n-1",
        "c: failed after 0:00:00: no luck",
        "1 of 3 variants, 1 failed, running: n-1 1, 0:00:50 left",
    ]


def test_a_cluster_on_a_terminal(tmp_path: Path, evaluation: Path):
    a, b = variant("a", work=8), variant("b", work=8)
    with Progress(*COLUMNS, console=Console(file=io.StringIO(), force_terminal=True), auto_refresh=False) as bars:
        show = Display([a, b], tmp_path, evaluation, bars)
        show.started(a, "n-1")
        show.started(a, "n-2")
        show.look()
        show.ended(b, "its node died before it began")
        assert [task.description for task in bars.tasks] == ["all", "a on n-2"]
        assert bars.tasks[0].fields["text"] == "0 of 2 variants, 0 failed, running: n-2 1"
