"""docs/experiments.md, done on the tiny pipeline by real DVC: its commands work, and what comes looks as it quotes."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mnist_study.tools.review.comparison import flat
from tests.support import ROOT
from tests.support.checkout import Checkout

PAGE = (ROOT / "docs" / "experiments.md").read_text()
STORIES = (
    "Experiments in the workspace",
    "Experiments in a copy",
    "Invalid values",
    "Paths with non-ASCII letters",
)
DRAW = """\
    results, missed = whole.read(plan, images, **folders, mnist=Path("data/mnist"))
    write_report(results, missed, metrics_folder=Path("metrics"), reports=Path("reports"))
"""
COUNT = """\
    results = outcomes.gather(plan, images, **folders)
    for name in ("variants", "summary", "logits"):
        (Path("metrics") / f"{name}.json").write_text(metrics.to_json(getattr(results, name)()))
"""
TORCH = "engine torch gives"  # a line of the tiny study's trainings; the page's are by the default engine
ONE, TWO = "one_pool-b64-step-rotate", "two_pool-b64-step-rotate"


@dataclass(frozen=True)
class Step:
    """A command of the page, and the lines that it quotes below."""

    command: str
    quoted: list[str]


def steps(text: str) -> list[Step]:
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.M)[1:]]
    return [Step(command, quoted) for command, *quoted in (part.replace("\\\n", "").splitlines() for part in parts)]


def story(title: str) -> list[Step]:
    return steps(PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0])


def shape(line: str) -> str:
    """What a line has in common with that of another study, another day and another table's width."""
    line = re.sub(r"\b[0-9a-f]{7}\b", "#", line)  # a commit
    line = re.sub(r"\+?\d[\d.,:]*( [AP]M)?", "#", line)
    return re.sub(r"[\s─|-]+", " ", line).strip()


def pattern(quoted: list[str]) -> str:
    """What the shapes of all lines must match; `...` is any number of lines, or any end of one."""
    lines = (re.escape(shape(line)).replace(re.escape("..."), ".*") + r"\n" for line in quoted)
    return "".join(r"(?:.*\n)*" if line == r".*\n" else line for line in lines)


def metrics(lines: list[str]) -> set[tuple[str, ...]]:
    """The metrics that a table says have changed."""
    return {tuple(line.split()[:2]) for line in lines if line.startswith("metrics/")}


def known(checkout: Checkout) -> set[str]:
    """The metrics that there are; what the page quotes must be among them, changed or not."""
    files = (json.loads((checkout.folder / f"metrics/{name}.json").read_text()) for name in ("variants", "summary"))
    return {key for file in files for key in flat(file)}


def stages(lines: list[str]) -> list[str]:
    """The stages that ran or came from the cache, and which of the two."""
    return [line for line in lines if re.match(r"Running stage|Stage .* is cached", line)]


def follow(checkout: Checkout, step: Step) -> list[str]:
    """Do what the page says and hold what comes against what it quotes."""
    told = checkout.folder.parent / "told"  # no pipe: DVC's worker would keep it open
    done = checkout.run("bash", "-c", f"exec > '{told}' 2>&1\n{step.command}", check=False)
    output = told.read_text().splitlines()
    all_of_it = f"{step.command}\n" + "\n".join(output)
    assert (done.returncode != 0) == any(line.startswith("ERROR: ") for line in step.quoted), all_of_it
    if step.quoted:
        quoted, came = (
            [line for line in lines if line.strip() and not line.startswith("metrics/") and TORCH not in line]
            for lines in (step.quoted, output)
        )
        assert re.fullmatch(pattern(quoted), "".join(f"{shape(line)}\n" for line in came)), all_of_it
        assert stages(output) == stages(step.quoted), all_of_it
        # Their order is DVC's whim, and an accuracy of few images may be the same as before.
        assert metrics(output) <= metrics(step.quoted), all_of_it
        assert bool(metrics(output)) == bool(metrics(step.quoted)), all_of_it
        assert {name for _, name in metrics(step.quoted)} <= known(checkout), step.quoted
    return output


def trained(output: list[str]) -> list[str]:
    return [found[1] for line in output if (found := re.match(r"Running stage 'train@(.*)':", line))]


def at_work(folder: Path) -> list[str]:
    """The processes that work in a folder or below, DVC's worker among them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended meanwhile
            continue
    return found


@contextmanager
def nothing_left_at_work(checkout: Checkout) -> Iterator[None]:
    try:
        yield
    finally:
        if at_work(checkout.folder):
            checkout.run("dvc", "queue", "stop", "--kill", check=False)


def copy(finished: Checkout, folder: Path) -> Checkout:
    shutil.copytree(finished.folder, folder)
    return Checkout(folder, finished.mnist)


def draw_nothing(checkout: Checkout) -> None:
    """Let the report write metrics alone: its figures take longer than all else, and nothing here is about them."""
    checkout.edit("stages/report.py", "import outcomes, trained_on", "import metrics, outcomes, trained_on")
    checkout.edit("stages/report.py", "from mnist_study.report.write import write_report\n", "")
    checkout.edit("stages/report.py", DRAW, COUNT)
    checkout.repro()
    checkout.commit()


def test_what_the_slow_tests_edit_is_there():
    stage = (ROOT / "stages" / "report.py").read_text()
    assert DRAW in stage
    assert "import outcomes, trained_on" in stage


def test_every_command_of_the_page_is_in_a_story_that_is_done_here():
    told = [step for title in STORIES for step in story(title)]
    assert told == steps(PAGE)
    assert len(told) > 20


@pytest.mark.slow
@pytest.mark.experiments
def test_changes_in_the_workspace(finished: Checkout, tmp_path: Path):
    checkout = copy(finished, tmp_path / "path with ü")
    draw_nothing(checkout)
    weights = checkout.folder / "models" / ONE / "seed-0.safetensors"
    before, lock = weights.read_bytes(), (checkout.folder / "dvc.lock").read_bytes()
    ran = []
    for step in story("Experiments in the workspace"):
        ran += trained(follow(checkout, step))
        if step.command.startswith("dvc checkout"):
            assert checkout.git_status() == ""
            assert (weights.read_bytes(), (checkout.folder / "dvc.lock").read_bytes()) == (before, lock)
    # One after the other: another rate, a variant of one's own, the users of a scheduler, those of a policy, noise.
    assert sorted(ran) == sorted([ONE, "mine", ONE, TWO, "mine", "foggy"])
    # Written by hand, a setting that was tried is not trained either.
    checkout.edit(
        "params.yaml", "augmentation: rotate, batch_size: 64}", "augmentation: rotate, batch_size: 64, lr: 0.1}"
    )
    assert checkout.repro() == ["configure", "report"]


@pytest.mark.slow
@pytest.mark.experiments
def test_a_queue_beside_the_workspace_and_what_becomes_of_experiments(finished: Checkout, tmp_path: Path):
    checkout = copy(finished, tmp_path / "path with space")
    checkout.run("git", "branch", "--move", "main")
    draw_nothing(checkout)
    with nothing_left_at_work(checkout):
        for step in story("Experiments in a copy"):
            follow(checkout, step)
            if step.command == "dvc queue start":
                assert any("queue-worker" in command for command in at_work(checkout.folder))
                end = time.monotonic() + 600
                while at_work(checkout.folder):  # it ends by itself, seconds after the last experiment
                    assert time.monotonic() < end, at_work(checkout.folder)
                    time.sleep(0.5)
                assert checkout.git_status() == ""
    assert at_work(checkout.folder) == []


@pytest.mark.slow
@pytest.mark.experiments
def test_a_value_that_is_not_allowed(finished: Checkout, tmp_path: Path):
    """DVC leaves it in params.yaml where it ran in the workspace; the page says so and how to get it out."""
    checkout = copy(finished, tmp_path / "path with space")
    params, lock = ((checkout.folder / name).read_bytes() for name in ("params.yaml", "dvc.lock"))
    for step in story("Invalid values"):
        output = follow(checkout, step)
        assert trained(output) == []
        assert "Traceback" not in "\n".join(output)
        assert (checkout.folder / "dvc.lock").read_bytes() == lock
        in_workspace = step.command.startswith("dvc exp run") and "restore" in "\n".join(output)
        assert checkout.git_status() in ([" M params.yaml\n"] if in_workspace else ["", " M params.yaml\n"])
    assert checkout.git_status() == ""
    assert (checkout.folder / "params.yaml").read_bytes() == params


@pytest.mark.slow
def test_a_path_that_is_not_plain_ascii(finished: Checkout, tmp_path: Path):
    checkout = copy(finished, tmp_path / "path with ü")
    for step in story("Paths with non-ASCII letters"):
        follow(checkout, step)
    assert checkout.git_status() == ""
