"""Read a YAML file as plain dicts and lists, or say in one line why it cannot be read."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from mnist_study.core.errors import UserError

LARGEST = 2**20  # bytes; a thousand variants take a fifth of it


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
    try:
        return YAML(typ="safe", pure=True).load(text)
    except RecursionError:
        raise UserError(f"{path.name}: not valid YAML (nested too deeply)") from None
    except Exception as error:  # ruamel.yaml passes on Python's own errors for a date, a number or a tag
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f", line {mark.line + 1}" if mark else ""
        said = (problem or str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path.name}{line}: not valid YAML ({said})") from None
