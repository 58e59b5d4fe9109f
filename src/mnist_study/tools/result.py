"""What `make repro` ends with: the result, where to read it, what to try next."""

import re

from mnist_study.core.errors import UserError
from mnist_study.tools import git, readme

MARKUP = re.compile(r"\*\*|`|^- |\[(.*?)\]\(.*?\)", re.M)
NEXT = """\
Everything:   reports/study.md
Try next:     make plots                                  curves and leaderboard in the browser
              .venv/bin/mnist-study predict photo.jpg     name a digit
              edit params.yaml, then make repro           train what depends on the change"""
UNSHARED = """\
New results:  dvc push, then commit dvc.lock, .dvc/store, metrics and reports; until then others train them again"""


def result() -> str:
    """Give the first sentence of each point that reports/study.md opens with; raises UserError where it is missing."""
    if not readme.PAGE.exists():
        raise UserError(f"{readme.PAGE}: missing; `make repro` writes it")
    points = readme.opening(readme.PAGE.read_text()).splitlines()
    lines = [MARKUP.sub(r"\1", point).partition(". ")[0] for point in points if point]
    changed = git.answer("status", "--short", "--", "dvc.lock")
    return "\n".join([*lines, "", NEXT, *([UNSHARED] if changed else [])])
