"""Which stages params.yaml names: dvc.lock keeps the entries of those whose variant, policy or champion is gone.

Python alone until it reads a file: the doctor runs where no package is installed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_study.core.errors import UserError

PARAMS = Path("params.yaml")
SECTIONS = {  # what dvc.yaml makes a kind of stages of
    "transforms": "augmentations",
    "train": "variants",
    "evaluate": "variants",
    "robustness": "champions",
}


def names(params: Mapping[str, Any], stage: str) -> bool:
    """Tell whether the content of params.yaml names the stage's variant, policy or champion, if it has any."""
    kind, _, name = stage.partition("@")
    section = params.get(SECTIONS.get(kind, ""))
    return not name or (isinstance(section, dict | list) and name in map(str, section))


def read(top: Path) -> dict[str, Any]:
    """Read a checkout's params.yaml; a missing one names nothing. Raises UserError where it is no YAML mapping."""
    path = top / PARAMS
    return parse(path.read_text(errors="replace")) if path.exists() else {}


def parse(text: str) -> dict[str, Any]:
    """Read a text of params.yaml; raises UserError where it is no YAML mapping."""
    try:
        from ruamel.yaml import YAML

        content = YAML(typ="safe", pure=True).load(text)
    except Exception as error:  # of whatever kind: ruamel.yaml passes on Python's own; or it is not installed
        raise UserError(f"{PARAMS}: cannot be read as YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(content, dict):
        raise UserError(f"{PARAMS}: no mapping of sections")
    return content
