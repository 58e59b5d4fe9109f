"""A YAML file as plain dicts and lists, or one line that says why it is none."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from mnist_study.core.errors import UserError

LARGEST = 2**20  # bytes; a thousand variants take a fifth of it
DEEPEST = 100  # brackets within brackets, beyond which YAML's readers take minutes and then give up


def read(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Read YAML 1.2; raises UserError with the line where it is not YAML."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name}: cannot be read ({error.strerror})") from None
    if len(data) > LARGEST:
        raise UserError(f"{path.name}: {len(data):,} bytes given; allowed are {LARGEST:,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path.name}: is not UTF-8 text") from None
    if _depth(text) > DEEPEST:
        raise UserError(f"{path.name}: not valid YAML (nested too deeply)")
    try:
        return YAML(typ="safe", pure=True).load(text)
    except RecursionError:
        raise UserError(f"{path.name}: not valid YAML (nested too deeply)") from None
    except Exception as error:  # ruamel.yaml lets out whatever Python says of a date, a number or a tag
        raise UserError(f"{path.name}{_where(error)}: not valid YAML ({_problem(error)})") from None


def _depth(text: str) -> int:
    depth = deepest = 0
    for letter in text:
        if letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


def _where(error: Exception) -> str:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    return f", line {mark.line + 1}" if mark else ""


def _problem(error: Exception) -> str:
    problem = error.problem if isinstance(error, MarkedYAMLError) else None
    return (problem or str(error) or type(error).__name__).splitlines()[0]
