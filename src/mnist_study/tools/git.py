"""Git, for every tool that asks it. Python alone: the doctor runs where nothing is installed."""

import os
import subprocess
from pathlib import Path

from mnist_study.core.errors import UserError


def run(*arguments: str, folder: Path = Path(), env: dict[str, str] | None = None) -> str:
    """Run git; give what it prints. Raises UserError with its words, or where it is missing."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise UserError("git is not installed") from None
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout


def answer(*arguments: str, folder: Path = Path()) -> str:
    """Give what git prints, or an empty text where it fails or is missing."""
    try:
        return run(*arguments, folder=folder)
    except UserError:
        return ""
