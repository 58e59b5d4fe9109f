"""dvc.lock: whole, and with all that the last commit's has."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from mnist_study.tools.doctor.finding import Finding

HEAD = "schema: '2.0'\nstages:\n"
ENTRY = re.compile(r"^  ([^\s:]+):\n", re.M)
OUT = re.compile(r"^    - path: (.*)\n      hash: md5\n      md5: ([0-9a-f]{32}(?:\.dir)?)$", re.M)
RESTORE = "`git checkout -- dvc.lock` restores the last commit's, then `dvc repro`"


def check(top: Path) -> Iterator[Finding]:
    """Tell a file that is missing, cut short or no YAML; stages that got lost."""
    path, committed = top / "dvc.lock", _committed(top)
    if not path.exists():
        if committed:
            yield Finding("dvc.lock is missing", RESTORE)
        return
    text = path.read_text(errors="replace")
    if problem := _problem(text):
        yield Finding(f"dvc.lock is damaged ({problem})", RESTORE)
        return
    lost = [name for name in stages(committed) if name not in stages(text) and _wanted(top, name)]
    if lost:
        yield Finding(f"dvc.lock lacks {len(lost)} stages of the last commit's, such as {lost[0]}", RESTORE)


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    """Give each stage's outs, with their MD5."""
    names = list(ENTRY.finditer(text))
    starts = [name.start() for name in names] + [len(text)]
    found = {}
    for name, end in zip(names, starts[1:], strict=True):
        entry = text[name.end() : end]
        _, marker, outs = entry.partition("    outs:\n")
        found[name[1]] = OUT.findall(outs) if marker else []
    return found


def _problem(text: str) -> str:
    if not text.startswith(HEAD):
        return "its beginning is not DVC's"
    if not text.endswith("\n"):
        return "it ends within a line"
    if not text.splitlines()[-1].strip().startswith(("size: ", "nfiles: ")):
        return "it ends within a stage"
    try:
        from ruamel.yaml import YAML
    except ImportError:
        return ""  # told as a missing package
    try:
        YAML(typ="safe").load(text)
    except Exception as error:  # of whatever kind
        return f"not YAML: {str(error).splitlines()[0]}"
    return ""


def _wanted(top: Path, stage: str) -> bool:
    """Tell whether the stage is still one; its variant or policy may be gone from params.yaml."""
    name = stage.partition("@")[2]
    return not name or re.search(rf"^\s+{re.escape(name)}:", (top / "params.yaml").read_text(), re.M) is not None


def _committed(top: Path) -> str:
    command = ["git", "-C", str(top), "show", "HEAD:./dvc.lock"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - git alone
    except FileNotFoundError:
        return ""  # git is told as missing
