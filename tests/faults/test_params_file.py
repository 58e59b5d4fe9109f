"""Hostile params.yaml: whatever it holds, the answer is lines that name it, soon, and nothing is written."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnist_study.configure import build
from mnist_study.core.errors import UserError
from tests.configure.test_params import GOOD
from tests.support import ROOT

pytestmark = pytest.mark.faults

NINES = "9" * 5000
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)  # a thousand million values, written in a few lines
CHAMPION = (
    "  c: {architecture: champion, scheduler: step, augmentation: plain, batch_size: 64, model: {layout: LAYOUT}}\n"
)

HOSTILE = {
    "a number of 5,000 digits": (GOOD.replace("lr: 0.05", f"lr: {NINES}"), "not valid YAML (Exceeds the limit"),
    "a number of 400 digits": (GOOD.replace("lr: 0.05", f"lr: {NINES[:400]}"), "train.lr: 999"),
    "1e400": (GOOD.replace("lr: 0.05", "lr: 1e400"), "train.lr: inf given; allowed is a finite number"),
    "a width of 400 digits": (GOOD.replace("rotation: 7", f"rotation: {NINES[:400]}"), "a width is at most 180"),
    "a date that is none": (GOOD.replace("lr: 0.05", "lr: 2001-99-99"), "not valid YAML (month must be in 1..12)"),
    "a tag that lies": (GOOD.replace("lr: 0.05", "lr: !!bool maybe"), "not valid YAML ('maybe')"),
    "Python in a tag": (GOOD.replace("lr: 0.05", "lr: !!python/object/apply:os.abort []"), "could not determine a con"),
    "3,000 brackets": ("a: " + "[" * 3000 + "]" * 3000, "not valid YAML (nested too deeply)"),
    "3,000 dashes": ("- " * 3000, "not valid YAML (nested too deeply)"),
    "a section that holds itself": (GOOD + "  z: &z {architecture: *z}\n", "variants.z.architecture: {"),
    "a bomb of aliases": (BOMB + GOOD + "  z: {architecture: *i}\n", "variants.z.architecture: [[["),
    "a key of a list": (GOOD + "[1, 2]: 3\n", "Keys should be strings"),
    "a name with a line break": (GOOD + '  "a\\nerror: b": {}\n', r"variants.a\nerror: b: a name is"),
    "a name with colours": (GOOD + '  "a\\e[31mb": {}\n', r"variants.a\x1b[31mb: a name is"),
    "a name of 300 letters": (GOOD + f"  {'a' * 300}: {{}}\n", "a name is up to 100 letters"),
    "an architecture of 10,000 letters": (GOOD.replace("vanilla", "v" * 10_000), "there is no 'vvv"),
    "two documents": (GOOD + "---\na: 1\n", "but found another document"),
    "a zero byte": (GOOD + "\0", "not valid YAML"),
    "10 MB": (GOOD + "# " + "x" * 10 * 2**20, "bytes given; allowed are 1,048,576"),
    "a width for all memory": (GOOD + CHAMPION.replace("LAYOUT", "900000 900000"), "c: has 7,290,"),
    "more pools than an image has": (
        GOOD + CHAMPION.replace("LAYOUT", "4" + " pool" * 8),
        "c.model: {'layout': '4 pool",
    ),
    "a layout that is a number": (GOOD + CHAMPION.replace("LAYOUT", "3"), "champion says: "),
    "a layout of 10,000 layers": (
        GOOD + CHAMPION.replace("LAYOUT", "'" + "1 " * 10_000 + "'"),
        "at most 200 characters",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_lines_that_name_it(tmp_path: Path, kind: str):
    text, expected = HOSTILE[kind]
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        build.read(path)
    lines = str(caught.value).split("\n")
    assert any(expected in line for line in lines), lines
    assert all(line.startswith("params.yaml") and line.isprintable() and len(line) <= 1000 for line in lines)
    assert len(lines) <= 15


@pytest.mark.slow
def test_ten_megabytes_of_variants_and_the_command_that_make_runs(tmp_path: Path):
    """The real command, from nothing: soon over, status 1, nothing written."""
    line = "  v{}: {{architecture: vanilla, scheduler: step, augmentation: plain, batch_size: 64}}\n"
    (tmp_path / "params.yaml").write_text(GOOD + "".join(line.format(number) for number in range(120_000)))
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "stages.configure"], cwd=tmp_path, capture_output=True, text=True)
    assert time.monotonic() - began < 120  # most of it Python's and torch's start on a busy machine
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: 9,9") or "bytes given; allowed are 1,048,576" in done.stderr
    assert not (tmp_path / "build").exists()
