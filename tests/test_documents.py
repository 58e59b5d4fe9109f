"""What README and docs say is what is there: results, the diagram, figures of sweeps, targets, links."""

import csv
import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest

from mnist_study.tools import readme
from tests.support import ROOT

README = (ROOT / "README.md").read_text()
DOCUMENTS = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md")))]


def committed(name: str) -> str:
    """A file as git has it, so that an experiment in the working tree is no mistake in README."""
    command = ["git", "show", f"HEAD:{name}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else (ROOT / name).read_text()


def test_the_results_are_those_of_the_report():
    text = committed("README.md")
    assert readme.replaced(text, readme.block(committed("reports/study.md"))) == text, "`make readme` copies them anew"


def graph(mermaid: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The nodes and the edges of a diagram, by the nodes' names; its direction is left out."""
    names = dict(re.findall(r'(\w+)\["(\w+)"\]', mermaid))
    return set(names.values()), {(names[one], names[other]) for one, other in re.findall(r"(\w+)-->(\w+)", mermaid)}


def test_the_diagram_has_the_stages_and_arrows_that_dvc_draws():
    command = [Path(sys.executable).parent / "dvc", "dag", "--mermaid", "--collapse-foreach-matrix"]
    drawn = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (block,) = re.findall(r"^```mermaid\n(.*?)^```$", README, re.M | re.S)
    stages, arrows = graph(drawn)
    assert {"configure", "train", "report"} <= stages
    described, all_arrows = graph(block)
    assert described - stages <= {"robustness"}  # it is not there where there are no champions
    assert {arrow for arrow in all_arrows if stages.issuperset(arrow)} == arrows


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_target_and_every_linked_file_exists(name: str):
    text = (ROOT / name).read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^make ([a-z-]+)", text, re.M))
    assert named <= targets
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / name).parent / link).exists(), link


def sweep_tables() -> list[tuple[str, list[list[str]]]]:
    """The tables of recipe.md's sweeps, each with the CSV linked last before it; its first row is the heading."""
    tables: list[tuple[str, list[list[str]]]] = []
    for line in (ROOT / "docs" / "recipe.md").read_text().splitlines():
        if found := re.findall(r"\]\((sweeps/\w+\.csv)\)", line):
            tables.append((found[-1], []))
        elif line.startswith("|") and not line.startswith("|---"):
            tables[-1][1].append([cell.strip(" `") for cell in line.strip("|").split("|")])
    return [(name, table) for name, table in tables if table]


def runs_of(name: str) -> list[dict[str, str]]:
    with (ROOT / "docs" / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("name", "table"), [each for each in sweep_tables() if each[1][0][0] == "variant"])
def test_the_recipes_figures_are_those_of_the_sweeps(name: str, table: list[list[str]]):
    (_, *trials), *rows = table
    assert rows
    for variant, *cells in rows:
        for trial, cell in zip(trials, cells, strict=True):
            chosen = [run for run in runs_of(name) if run["trial"] == trial and variant in (run["variant"], "mean")]
            scores = [float(run["validation_accuracy"]) for run in chosen]
            assert float(cell) == pytest.approx(fmean(scores), abs=0.00501), (variant, trial)


@pytest.mark.parametrize(("name", "table"), [each for each in sweep_tables() if each[1][0][0] == "trial"])
def test_the_champions_figures_are_those_of_the_sweeps(name: str, table: list[list[str]]):
    assert {row[0] for row in table[1:]} == {run["trial"] for run in runs_of(name)}
    for trial, *cells in table[1:]:
        chosen = [run for run in runs_of(name) if run["trial"] == trial]
        accuracy, loss = (fmean(float(run[f"validation_{score}"]) for run in chosen) for score in ("accuracy", "loss"))
        assert cells == [chosen[0]["parameters"], str(len(chosen)), f"{accuracy:.3f}", f"{loss:.4f}"], trial


def test_ci_runs_the_test_command_of_the_readme():
    assert "make test" in README
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()
