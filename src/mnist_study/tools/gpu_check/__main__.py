"""`python -m mnist_study.tools.gpu_check`: a table, and build/gpu_check.json; with --write the constants."""

import json
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mnist_study.core import mnist
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.lockstep import networks
from mnist_study.tools.golden.made import images
from mnist_study.tools.gpu_check import hashes, plain, speed

RESULT, FOLDER = Path("build/gpu_check.json"), Path("data/mnist")
LIMIT = 230.0  # seconds; what would begin later is left out
COMPILATION = 70.0  # seconds that torch.compile may take
TIMED = ("transition_fc", "champion")
AT_ONCE = (1, 8, 64)


class Check:
    """The parts of the check, one after another; each says what it found, and all of it goes to one file."""

    def __init__(self, device: str, seconds: float) -> None:
        self.device, self.seconds, self.begun = device, seconds, time.monotonic()
        self.found: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda}
        self.found |= {"equal": {}, "failed": {}}
        self.found["device"] = torch.cuda.get_device_name() if device == "cuda" else device
        self.split, self.found["images"] = _images(device)
        print(f"{self.found['device']}, torch {torch.__version__}, {self.found['images']}", flush=True)

    def run(self, part: Callable[[], None]) -> None:
        """Run a part; if it fails, show why and go on: this script has one chance on its machine."""
        try:
            part()
        except Exception:  # of whatever kind
            traceback.print_exc()
            self.found["failed"][part.__name__] = traceback.format_exc()

    def hashes(self) -> None:
        """Compare the short trainings with the constants."""
        constants = hashes.expected()
        equal: dict[str, bool] = self.found["equal"]
        for name in hashes.NETWORKS:
            equal[name] = hashes.trained(hashes.recipe(name, self.device)) == constants[name]
            print(f"{name:18} {'the bytes of a processor' if equal[name] else 'DIFFERENT BYTES'}", flush=True)

    def study(self) -> None:
        """Time each kind of the study's networks, all that train together, and add up."""
        rates = {
            (name, batch): speed.measure(name, rows * speed.SEEDS, batch, self.split, self.device, self.seconds)
            for (name, batch), rows in speed.ROWS.items()
        }
        for (name, batch), rate in rates.items():
            self._tell(f"{name}, batch {batch}, {rate.networks} at once", rate.images, rate.memory)
        augmented = speed.augmentation(self.split, self.device, self.seconds)
        self._tell("augmentation, affine", 1 / augmented)
        self.found["study_minutes"] = speed.study(rates, augmented) / 60
        print(f"the whole study, extrapolated: {self.found['study_minutes']:.1f} minutes", flush=True)

    def side_by_side(self, batch: int = 64) -> None:
        """Time some networks at once, and PyTorch's own ways."""
        for name in TIMED:
            for count in AT_ONCE:
                timed = partial(speed.measure, name, count, batch, self.split, self.device, self.seconds)
                if rate := self._try(timed):
                    self._tell(f"{name}, {rate.networks} at once, exact", rate.images, rate.memory)
            self._plain(f"{name}, 1, PyTorch eager", partial(plain.one, name, self.device), batch)
            self._plain(f"{name}, 1, PyTorch bf16", partial(plain.one, name, self.device, bf16=True), batch)
            for count in AT_ONCE[1:]:
                made = partial(plain.many, name, count, self.device)
                self._plain(f"{name}, {count} at once, PyTorch vmap", made, batch, count)
        for name in TIMED:
            if self.left() > COMPILATION:
                made = partial(plain.one, name, self.device, compiled=True)
                self._plain(f"{name}, 1, PyTorch compiled", made, batch)

    def left(self) -> float:
        """Give the seconds that are left."""
        return LIMIT - (time.monotonic() - self.begun)

    def write(self) -> None:
        """Write what was found."""
        self.found["seconds"] = time.monotonic() - self.begun
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(json.dumps(self.found, indent=1) + "\n")
        print(f"{RESULT}: written after {self.found['seconds']:.0f} s")

    def _plain(self, what: str, make: Callable[[], plain.Step], batch: int, count: int | None = None) -> None:
        shape = (batch,) if count is None else (count, batch)
        chosen = torch.arange((count or 1) * batch, device=self.device).view(shape) % len(self.split)
        pixels, labels = self.split.images[chosen].unsqueeze(-3) / 255.0, self.split.labels[chosen]

        def timed() -> float:
            step = make()
            return speed.per_call(lambda: step(pixels, labels), self.device, self.seconds)

        taken = self._try(timed)
        if taken:
            self._tell(what, (count or 1) * batch / taken)

    def _try(self, compute: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it gives
        """Leave out what fails or comes too late, and say so."""
        if self.left() < 5:
            return print("left out: no time")
        try:
            return compute()
        except Exception as error:  # PyTorch's own ways may fail in any way
            return print(f"left out: {type(error).__name__}: {str(error).splitlines()[:1]}")

    def _tell(self, what: str, rate: float, memory: float | None = None) -> None:
        self.found.setdefault("images_per_second", {})[what] = rate
        print(f"{what:42} {rate:12,.0f} images/s" + (f" {memory:7.1f} GiB" if memory else ""), flush=True)


def _images(device: str) -> tuple[Split, str]:
    try:
        return mnist.training_split(FOLDER).to(device), "MNIST"
    except UserError:
        return images("gpu check speed", 4096).to(device), "images made by a hash, not MNIST"


def main() -> int:
    """Check the GPU; give the exit status: 1 where bytes differ."""
    if not torch.cuda.is_available():
        print("gpu-check: torch finds no GPU here")
        return 1
    check = Check("cuda", seconds=0.5)
    check.run(check.hashes)
    if "hashes" in check.found["failed"]:
        print("again, without CUDA graphs", flush=True)
        networks.repeatable = lambda compute, device, pool: compute
        check.run(check.hashes)
    check.run(check.study)
    check.run(check.side_by_side)
    check.write()
    return 0 if not check.found["failed"] and all(check.found["equal"].values()) else 1


if __name__ == "__main__":
    sys.exit(hashes.write() if "--write" in sys.argv else main())
