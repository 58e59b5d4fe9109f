"""What `make repro` ends with: the result, where to read it, what to try next."""

import json
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.tools import git

SUMMARY = Path("metrics/summary.json")
NEXT = """\
Everything:   reports/study.md
Try next:     make plots                                  curves and leaderboard in the browser
              .venv/bin/mnist-study predict photo.jpg     name a digit
              edit params.yaml, then make repro           train what depends on the change"""
UNSHARED = """\
New results:  dvc push, then commit dvc.lock, .dvc/store, metrics and reports; until then others train them again"""


def result() -> str:
    """Read metrics/summary.json; raises UserError where it is missing."""
    if not SUMMARY.exists():
        raise UserError(f"{SUMMARY}: missing; `make repro` writes it")
    summary = json.loads(SUMMARY.read_text())
    study, lines = summary["study"], []
    if study["variants"]:
        lines.append(
            f"{study['variants']} of the study's rows, {study['replicas']} networks: mean test accuracy"
            f" {study['mean_test_accuracy']:.2f} % here, {study['published_mean_test_accuracy']:.2f} % published"
        )
    lines += [
        f"{name}: {own['parameters']:,} parameters, {own['test_accuracy']:.2f} %, mean of {own['seeds']} seeds"
        for name, own in summary.items()
        if name.startswith("champion")
    ]
    changed = git.answer("status", "--short", "--", "dvc.lock")
    return "\n".join([*lines, NEXT, *([UNSHARED] if changed else [])])
