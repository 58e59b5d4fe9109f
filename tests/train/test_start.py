"""What a training process imports: torch's compiler alone costs it two seconds."""

import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
from mnist_study.core.policy import Policy
from mnist_study.train.replica import read_splits, train_one
from tests.support.tiny import TINY

recipe = replace(TINY, engine="exact", epochs=1)
train_one(recipe, 0, Policy(0.1, 0.3, {}), *read_splits(recipe, Path(sys.argv[1])), lambda sign: None)
print("torch._dynamo" in sys.modules, torch.are_deterministic_algorithms_enabled())
"""


def test_the_engine_exact_does_without_torchs_compiler(tiny_mnist: Path):
    command = [sys.executable, "-c", TRAIN, str(tiny_mnist)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
