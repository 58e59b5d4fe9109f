"""The command `mnist-study`: what it prints at once, and that each subcommand hands its options on."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mnist_study import cli
from tests.support import COMMAND, ROOT

SUBCOMMANDS = (
    "predict",
    "networks",
    "plan",
    "rename",
    "tidy",
    "study",
    "sweep",
    "coverage",
    "review",
    "experiments",
    "plots",
    "doctor",
    "result",
    "verify",
    "dvc",
)


def run(*arguments: str, folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "MNIST_STUDY_DEBUG"} | variables
    env["PYTHONPATH"] = str(ROOT / "src")
    return subprocess.run([*COMMAND, *arguments], cwd=folder, env=env, capture_output=True, text=True)


def test_help_lists_all_and_imports_nothing_heavy():
    code = """
import sys
from mnist_study import cli
sys.argv[1:] = ["--help"]
try:
    cli.main()
finally:
    print("imported:", *sorted({"torch", "dvc", "numpy", "matplotlib", "ray"} & {*sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["imported:"]
    assert [name for name in SUBCOMMANDS if f" {name} " not in done.stdout] == []


def test_the_version_is_the_projects():
    assert f'version = "{run("--version").stdout.strip()}"' in (ROOT / "pyproject.toml").read_text()


def test_the_shell_completes_subcommands():
    script = run(_MNIST_STUDY_COMPLETE="source_bash").stdout
    assert "complete -o default -F" in script
    assert " mnist-study" in script
    words = run(_MNIST_STUDY_COMPLETE="complete_bash", COMP_WORDS="mnist-study pl", COMP_CWORD="1").stdout
    assert words.split() == ["plan", "plots"]


QUIETLY = {"json_wanted": False, "shown": False}
PREDICT = "predict.predict.predict"


@pytest.mark.parametrize(
    ("command", "called", "expected"),
    [
        ("predict a.png b.png", PREDICT, ((["a.png", "b.png"], None, None), QUIETLY)),
        (
            "predict a --json --variant x",
            "predict.predict.predict",
            ((["a"], "x", None), QUIETLY | {"json_wanted": True}),
        ),
        (
            "predict a --show --folder f",
            "predict.predict.predict",
            ((["a"], None, Path("f")), QUIETLY | {"shown": True}),
        ),
        ("export", "export.export.export", ((None, None), {})),
        ("export x --folder f", "export.export.export", (("x", Path("f")), {})),
        ("networks", "show_networks.show", ((None, ()), {})),
        ("networks v --set a=1 --set b=2", "show_networks.show", (("v", ["a=1", "b=2"]), {})),
        ("study", "parallel.repro.repro", ((None, None, None), {"dirty": False, "gpu": False})),
        (
            "study --jobs 2 --ray auto --remote r --dirty --gpu",
            "parallel.repro.repro",
            ((2, "auto", "r"), {"dirty": True, "gpu": True}),
        ),
        ("plan", "plan.show", (((),), {})),
        ("plan -S a=1 -S b=2", "plan.show", ((["a=1", "b=2"],), {})),
        ("rename a b", "rename.rename", (("a", "b"), {})),
        ("tidy", "tidy.tidy", ((), {"delete": False})),
        ("tidy --delete", "tidy.tidy", ((), {"delete": True})),
        (
            "coverage",
            "coverage.coverage.coverage",
            ((Path("docs/statistics/shared_seeds.csv"), Path("docs/statistics/own_seeds.csv"), 10_000, 5), {}),
        ),
        (
            "coverage --shared a.csv --own b.csv --studies 200 --seeds 3",
            "coverage.coverage.coverage",
            ((Path("a.csv"), Path("b.csv"), 200, 3), {}),
        ),
        ("sweep p.yaml", "sweep.sweep.sweep", ((Path("p.yaml"), Path("data/mnist")), {})),
        ("sweep p.yaml --images m", "sweep.sweep.sweep", ((Path("p.yaml"), Path("m")), {})),
        ("review", "review.review.print_review", (("main",), {})),
        ("review origin/main", "review.review.print_review", (("origin/main",), {})),
        ("plots", "vega.draw", ((), {})),
        ("doctor", "doctor.__main__.examine", ((), {"quick": False})),
        ("verify --device cuda", "golden.verify.verify", (("cuda",), {})),
        ("doctor --quick", "doctor.__main__.examine", ((), {"quick": True})),
        ("result", "result.result", ((), {})),
        ("dvc pull --allow-missing --force", "dvc.quietly", (("pull", "--allow-missing", "--force"), {})),
        ("dvc repro train@x", "dvc.quietly", (("repro", "train@x"), {})),
    ],
)
def test_a_subcommand_hands_its_options_on(
    command: str, called: str, expected: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
):
    calls = []
    module, _, function = f"mnist_study.tools.{called}".rpartition(".")
    # 0 is the exit status of what gives one, and the answer no of review and verify, which end with 1
    monkeypatch.setattr(importlib.import_module(module), function, lambda *a, **k: calls.append((a, k)) or 0)
    done = CliRunner().invoke(cli.app, command.split())
    assert calls == [expected]
    assert done.exit_code == (1 if command.startswith(("review", "verify")) else 0)


@pytest.mark.parametrize(
    ("command", "called"),
    [("plots", "vega.draw"), ("doctor", "doctor.__main__.examine"), ("dvc repro", "dvc.quietly")],
)
def test_the_exit_status_is_that_of_the_tool(command: str, called: str, monkeypatch: pytest.MonkeyPatch):
    module, _, function = f"mnist_study.tools.{called}".rpartition(".")
    monkeypatch.setattr(importlib.import_module(module), function, lambda *_, **__: 7)
    assert CliRunner().invoke(cli.app, command.split()).exit_code == 7


def test_an_error_is_one_line_and_status_1(tmp_path: Path):
    done = run("result", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: reports/study.md: missing")


@pytest.mark.parametrize(("more", "variables"), [(["--debug"], {}), ([], {"MNIST_STUDY_DEBUG": "1"})])
def test_on_request_an_error_shows_its_traceback(more: list[str], variables: dict[str, str], tmp_path: Path):
    done = run("result", *more, folder=tmp_path, **variables)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert "UserError: reports/study.md: missing" in done.stderr


@pytest.mark.parametrize("command", ["", "netwrks", "study --jobs 0", "study --jbs 2", "predict", "dvc status"])
def test_a_wrong_command_line_is_status_2(command: str):
    assert CliRunner().invoke(cli.app, command.split()).exit_code == 2
