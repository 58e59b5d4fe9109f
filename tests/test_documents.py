"""What README and docs say is what is there: figures, tables, the diagram, targets, links."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest

from mnist_study.report.analysis.intervals import agrees, difference_interval
from mnist_study.report.results import metrics
from mnist_study.report.results.outcomes import read_published
from mnist_study.tools import show_networks as networks
from tests.support import ROOT

README = (ROOT / "README.md").read_text()
PUBLISHED = read_published(ROOT / "reference" / "published.csv")
DOCUMENTS = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md")))]


def committed(name: str) -> str:
    """A file as git has it, so that an experiment in the working tree is no mistake in README."""
    command = ["git", "show", f"HEAD:{name}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else (ROOT / name).read_text()


def fenced(language: str) -> list[str]:
    """The README's code blocks in one language."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S)
    return [text for name, text in blocks if name == language]


def results() -> list[str]:
    """What README's opening says of the results, line by line, from metrics/ and the published table."""
    summary, variants = (json.loads(committed(f"metrics/{name}.json")) for name in ("summary", "variants"))
    study, champions = summary["study"], [summary[name] for name in metrics.CHAMPIONS if name in summary]
    rows = {name: row for name, row in PUBLISHED.items() if name in variants}
    lines = [
        f"**{study['variants']} of the study's {len(PUBLISHED)} rows, {study['replicas']} networks: mean test accuracy"
        f" {study['mean_test_accuracy']:.3f} % here, {study['published_mean_test_accuracy']:.3f} % published for the"
        f" same rows; at 99.40 % or more: {study['variants_at_target']} here,"
        f" {study['published_variants_at_target']} published.**"
    ]
    for number in range(1, 7):
        table = [row for row in PUBLISHED.values() if row.table == number]
        here = {name: row for name, row in rows.items() if row.table == number}
        if here:
            ours = fmean(variants[name]["test_accuracy"] for name in here)
            theirs = fmean(row.test_accuracy for row in here.values())
            lines.append(
                f"| {number} | `{table[0].architecture}` | {table[0].parameters:,} | {len(here)} of {len(table)} |"
                f" {theirs:.2f} | {ours:.2f} | {ours - theirs:+z.2f} |"
            )
    lines += [
        f"- `{champion['variant']}`, not in the study: {champion['parameters']:,} parameters,"
        f" {champion['test_accuracy']:.2f} ± {variants[champion['variant']]['test_accuracy_sd']:.2f} % over"
        f" {champion['seeds']} seeds."
        for champion in champions
    ]
    lines.append(f"- Best row: `{study['best_variant']}`, {study['best_test_accuracy']:.2f} %.")
    noise = [agrees(variants[n]["test_accuracy"], row.test_accuracy, variants[n]["seeds"]) for n, row in rows.items()]
    lines.append(
        f"- {sum(noise)} of {len(noise)} rows differ from the published figure within noise; two single runs may differ"
        f" by {difference_interval(99.4, 99.4)[1]:.2f} points by chance."
    )
    return lines


def test_the_opening_is_drawn_from_metrics():
    opening = committed("README.md").split("## Quickstart")[0]
    for line in results():
        assert f"{line}\n" in opening
        opening = opening.replace(f"{line}\n", "")
    # No other figure stands there but the study's aim and the number of test images.
    left = re.findall(r"\d[\d,.]*\d|\d", opening)
    assert set(left) <= {"99.4", "20", "20,000", "10,000"}


def test_the_diagram_is_what_dvc_draws():
    command = [Path(sys.executable).parent / "dvc", "dag", "--mermaid", "--collapse-foreach-matrix"]
    drawn = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (block,) = fenced("mermaid")
    assert block.split() == drawn.split()


def test_the_table_of_networks_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]):
    networks.main([])
    printed = capsys.readouterr().out
    assert any(block.split() == printed.split() for block in fenced(""))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_target_and_every_linked_file_exists(name: str):
    text = (ROOT / name).read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^make ([a-z-]+)", text, re.M))
    assert named <= targets
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / name).parent / link).exists(), link


def sweep_tables() -> list[tuple[str, list[list[str]]]]:
    """The tables of recipe.md's sweeps, each with the CSV linked last before it; its first row has the trials."""
    tables: list[tuple[str, list[list[str]]]] = []
    sweeps, _, _ = (ROOT / "docs" / "recipe.md").read_text().partition("\n## Champions")
    for line in sweeps.splitlines():
        if found := re.search(r"\]\((sweeps/\w+\.csv)\)", line):
            tables.append((found[1], []))
        elif line.startswith("|") and not line.startswith("|---"):
            tables[-1][1].append([cell.strip(" `") for cell in line.strip("|").split("|")])
    return tables


@pytest.mark.parametrize(("name", "table"), sweep_tables())
def test_the_recipes_figures_are_those_of_the_sweeps(name: str, table: list[list[str]]):
    with (ROOT / "docs" / name).open(newline="") as file:
        runs = list(csv.DictReader(file))
    (_, *trials), *rows = table
    assert rows
    for variant, *cells in rows:
        for trial, cell in zip(trials, cells, strict=True):
            chosen = [run for run in runs if run["trial"] == trial and variant in (run["variant"], "mean")]
            scores = [float(run["validation_accuracy"]) for run in chosen]
            assert float(cell) == pytest.approx(fmean(scores), abs=0.00501), (variant, trial)


def test_ci_runs_the_test_command_of_the_readme():
    assert "make test" in README
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()
