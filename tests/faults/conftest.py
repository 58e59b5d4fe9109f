"""What an unlucky or hostile world does to the pipeline; each test is a fault or several."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import checkout, finished

__all__ = ["checkout", "finished"]

Mount = Callable[[Path, int], Path]
ALONE = "mounting takes root; `unshare --user --map-root-user --mount make test-faults` does without"


@pytest.fixture
def small_disk() -> Iterator[Mount]:
    """Give a function that makes a folder a disk of its own, of so many KiB."""
    mounted: list[Path] = []

    def mount(folder: Path, kilobytes: int) -> Path:
        if os.geteuid() != 0:
            pytest.skip(ALONE)
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip(ALONE)
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
