"""What README and docs say is what is there: figures, tables, the diagram, targets, links."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_study.models import __main__ as networks

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
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


def test_the_results_table_is_that_of_metrics():
    variants = json.loads(committed("metrics/variants.json"))
    with (ROOT / "reference" / "published.csv").open(newline="") as file:
        published = {row["variant"]: float(row["test_accuracy"]) for row in csv.DictReader(file)}
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \|", committed("README.md"), re.M)
    assert {name for name, *_ in rows} == set(variants) & set(published)
    for name, parameters, theirs, ours in rows:
        assert int(parameters.replace(",", "")) == variants[name]["parameters"]
        assert float(theirs) == published[name]
        assert ours == f"{variants[name]['test_accuracy']:.2f}"


def test_the_headline_is_that_of_the_summary():
    study = json.loads(committed("metrics/summary.json"))["study"]
    assert f"mean {study['mean_test_accuracy']:.2f} % here, {study['published_mean_test_accuracy']:.2f} %" in committed(
        "README.md"
    )


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


def test_ci_runs_the_test_command_of_the_readme():
    assert "make test" in README
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()
