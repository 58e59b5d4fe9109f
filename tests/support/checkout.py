"""A copy of the project on a tiny MNIST, two variants of one epoch, run by real DVC."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

LEFT_BEHIND = (".dvc/store", "dvc.lock", "metrics/", "reports/", "tests/")  # results of the real study
DIGEST = re.compile(r'"([\w-]+-ubyte)": "[0-9a-f]{64}"')

PARAMS = """\
target: {accuracy: 99.4, epochs: 20, parameters: 20000}
data: {sources: [folder], seconds: 20}
train: {epochs: 1, seeds: [0], lr: 0.05, momentum: 0.9, nesterov: false, weight_decay: 0.0, label_smoothing: 0.0,
        ema: 0.0, anneal_epochs: 0, anneal_strength: 1.0, engine: torch, device: cpu, validation: 0}
schedulers:
  constant: {}
  step: {step_size: 6, gamma: 0.1}
  plateau: {factor: 0.1, patience: 2, threshold: 0.0001}
  one_cycle: {pct_start: 0.3, div_factor: 25, final_div_factor: 10000}
augmentations:
  rotate: {rotation: 7}
champions: []
variants:
  two_pool-b64-step-rotate: {architecture: two_pool, scheduler: step, augmentation: rotate, batch_size: 64,
                             engine: exact}
  one_pool-b64-step-rotate: {architecture: one_pool, scheduler: step, augmentation: rotate, batch_size: 64}
"""


@dataclass(frozen=True)
class Checkout:
    """A checkout of the copy, and how to run things in it."""

    folder: Path
    mnist: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MNIST_DIR": str(self.mnist),
            "PYTHONPATH": str(self.folder / "src"),  # as an environment of its own would do
            **{f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=900)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def repro(self, *arguments: str) -> list[str]:
        """Run `dvc repro`; give the stages that ran."""
        return re.findall(r"Running stage '([^']+)'", self.run("dvc", "repro", *arguments).stdout)

    def git_status(self) -> str:
        return self.run("git", "status", "--short").stdout

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", "state")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def copy_tracked(folder: Path, left_behind: tuple[str, ...] = ()) -> None:
    """Copy what git tracks or would track, as it stands in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and not name.startswith(left_behind) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def write_copy(folder: Path, mnist: Path) -> None:
    """Copy the project, less the study's results, with tiny data and params."""
    copy_tracked(folder, LEFT_BEHIND)
    (folder / "params.yaml").write_text(PARAMS)
    hashes = folder / "src" / "mnist_study" / "configure" / "data.py"

    def digest(found: re.Match[str]) -> str:
        return f'"{found[1]}": "{hashlib.sha256((mnist / found[1]).read_bytes()).hexdigest()}"'

    text, count = DIGEST.subn(digest, hashes.read_text())
    assert count == 4
    hashes.write_text(text)
