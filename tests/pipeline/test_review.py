"""`make review` as a pull request's workflow runs it: in a fresh clone of a branch, with real DVC.

Training is replaced by dice that fall the same on every machine, so docs/review.md can quote what comes out.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import write_idx, write_tiny_mnist
from tests.pipeline.conftest import ROOT, Checkout, write_copy

pytestmark = pytest.mark.slow

TRAIN = """\
import json, sys
from pathlib import Path
from mnist_study import files
from mnist_study.recipe import Recipe
from stages.dice import network

name = sys.argv[1]
recipe = Recipe.read(Path("build/recipes") / f"{name}.json")
replicas = []
for seed in recipe.seeds:
    accuracy, loss = network(recipe, seed)[1:]
    row = {"train_loss": loss, "train_accuracy": accuracy - 0.1, "test_loss": loss, "lr": recipe.lr}
    history = [row | {"epoch": n + 1, "test_accuracy": accuracy - 0.1 * (recipe.epochs - 1 - n)}
               for n in range(recipe.epochs)]
    replicas.append({"seed": seed, "history": history})
    files.write(Path("models") / name / f"seed-{seed}.safetensors", repr(recipe.lr).encode())
results = {"variant": name, "parameters": 6290, "engine": "fast", "precision": "fp32", "replicas": replicas}
files.write(Path("results/training") / f"{name}.json", json.dumps(results).encode())
"""
EVALUATE = """\
import json, sys
from pathlib import Path
import numpy as np
from mnist_study import files
from mnist_study.evaluation import Evaluation
from mnist_study.recipe import Recipe
from stages.dice import network

name = sys.argv[1]
recipe = Recipe.read(Path("build/recipes") / f"{name}.json")
replicas, predicted = [], []
for seed in recipe.seeds:
    answers, accuracy, loss = network(recipe, seed)
    confusion = np.diag([1000] * 10).tolist()
    replicas.append({"seed": seed, "test_accuracy": accuracy, "test_loss": loss, "confusion": confusion})
    predicted.append(answers)
evaluation = Evaluation(name, 6290, replicas, np.stack(predicted), np.ones((len(predicted), 10_000), np.float32))
files.write(Path("results/predictions") / f"{name}.npz", evaluation.to_npz())
files.write(Path("results/evaluation") / f"{name}.json", evaluation.to_json().encode())
"""
DICE = """\
from zlib import crc32
import numpy as np

def network(recipe, seed):
    "Answers for all images, accuracy, loss; 120 hard images are missed with a chance that falls with the learning rate."
    dice = np.random.RandomState(crc32(repr((recipe.variant, recipe.lr, recipe.weight_decay, seed)).encode()))
    missed = dice.rand(120) < 0.6 - 2 * recipe.lr
    answers = (np.arange(10_000) % 10).astype(np.uint8)
    answers[:120] = (answers[:120] + missed) % 10
    return answers, 100 - missed.sum() / 100, 0.01 + 0.02 * missed.mean()
"""
VARIANTS = """\
variants:
  one_pool-b64-step-rotate: {architecture: one_pool, scheduler: step, augmentation: rotate, batch_size: 64, seeds: [0, 1, 2]}
  two_pool-b64-step-rotate: {architecture: two_pool, scheduler: step, augmentation: rotate, batch_size: 64}
  slow: {architecture: one_pool, scheduler: constant, augmentation: rotate, batch_size: 64, lr: 0.01}
  old: {architecture: two_pool, scheduler: constant, augmentation: rotate, batch_size: 64}
"""
ONE, TWO = "one_pool-b64-step-rotate", "two_pool-b64-step-rotate"


def project(folder: Path, mnist: Path) -> Checkout:
    """The project on a study of four variants, all run, pushed and committed on `main`."""
    write_tiny_mnist(mnist)
    labels = (np.arange(10_000) % 10).astype(np.uint8)
    write_idx(mnist / "t10k-images-idx3-ubyte", np.zeros((10_000, 28, 28), np.uint8))
    write_idx(mnist / "t10k-labels-idx1-ubyte", labels)
    folder.mkdir()
    write_copy(folder, mnist)
    for name, text in {"train": TRAIN, "evaluate": EVALUATE, "dice": DICE}.items():
        (folder / "stages" / f"{name}.py").write_text(text)
    params = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(params[: params.index("variants:")] + VARIANTS)
    checkout = Checkout(folder, mnist)
    checkout.edit("params.yaml", "epochs: 1,", "epochs: 3,")
    checkout.run("git", "init", "--quiet", "--initial-branch", "main")
    checkout.run("git", "add", "--all")
    keep(checkout)
    return checkout


def keep(checkout: Checkout) -> None:
    """Run what is stale, push the results and commit."""
    checkout.run("dvc", "repro", "--quiet")
    checkout.run("dvc", "push", "--quiet")
    checkout.commit()


def clone(origin: Path, folder: Path, branch: str, mnist: Path) -> Checkout:
    """What a workflow checks out, with the environment that `make setup` would make."""
    subprocess.run(["git", "clone", "--quiet", "--branch", branch, str(origin), str(folder)], check=True)
    (folder / ".venv").symlink_to(sys.prefix)
    return Checkout(folder, mnist)


def review(checkout: Checkout, base: str = "origin/main") -> subprocess.CompletedProcess[str]:
    command = ["make", "--silent", "--old-file=.venv/installed", "review", f"BASE={base}"]
    return checkout.run(*command, check=False)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bare repository with `main`, a branch `change` of it and a branch `same`; and its MNIST."""
    folder = tmp_path_factory.mktemp("review with ü")
    bare, mnist = folder / "origin.git", folder / "mnist"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    work = project(folder / "work", mnist)
    work.run("git", "remote", "add", "origin", str(bare))
    work.run("git", "push", "--quiet", "origin", "main", "main:same")

    work.run("git", "switch", "--quiet", "--create", "change")
    work.edit("params.yaml", "batch_size: 64, seeds: [0, 1, 2]}", "batch_size: 64, seeds: [0, 1, 2], lr: 0.12}")
    work.edit("params.yaml", f"{TWO}: {{", f"{TWO}: {{weight_decay: 0.0001, ")
    work.edit("params.yaml", "  old: {", "  new: {lr: 0.1, ")
    keep(work)
    work.edit("params.yaml", "lr: 0.01}", "lr: 0.02}")
    work.commit()
    work.run("git", "push", "--quiet", "origin", "change")

    work.run("git", "switch", "--quiet", "main")  # and main goes on
    work.edit("params.yaml", "seconds: 20", "seconds: 30")
    work.commit()
    work.run("git", "push", "--quiet", "origin", "main")
    return bare, mnist


def test_a_pull_request_gets_the_review_that_the_manual_quotes(origin: tuple[Path, Path], tmp_path: Path):
    bare, mnist = origin
    checkout = clone(bare, tmp_path / "clone", "change", mnist)
    lock = (checkout.folder / "dvc.lock").read_bytes()
    done = review(checkout)
    page = re.sub(r"(`origin/main`) \([0-9a-f]{7}\)", r"\1 (1a2b3c4)", done.stdout)
    if os.environ.get("MNIST_STUDY_QUOTE"):
        Path(os.environ["MNIST_STUDY_QUOTE"]).write_text(page)
    quoted = re.findall(r"^~~~markdown\n(.*?)^~~~$", (ROOT / "docs" / "review.md").read_text(), re.M | re.S)
    assert quoted == [page], done.stderr
    assert done.returncode != 0
    assert checkout.git_status() == ""
    assert (checkout.folder / "dvc.lock").read_bytes() == lock


def test_nothing_changed_nothing_stale(origin: tuple[Path, Path], tmp_path: Path):
    bare, mnist = origin
    done = review(clone(bare, tmp_path / "clone", "same", mnist))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:] == ["No stage is stale, and no parameter, variant or metric changed."]
