"""`make review` as a pull request's workflow runs it: in a fresh clone of a branch, with real DVC.

Training is replaced by dice that fall the same on every machine, so docs/review.md can quote what comes out.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from mnist_study.tools import lockfile
from tests.support import COMMAND, ROOT
from tests.support.checkout import Checkout, write_copy
from tests.support.tiny import write_idx, write_tiny_mnist

pytestmark = pytest.mark.slow

TRAIN = """\
import json, sys
from pathlib import Path
from mnist_study.core import files
from mnist_study.core.recipe import Recipe
from stages.dice import network

name = sys.argv[1]
recipe = Recipe.read(Path("build/recipes") / f"{name}.json")
replicas = []
for seed in recipe.seeds:
    accuracy, loss = network(recipe, seed)[1:]
    row = {"train_loss": loss, "train_accuracy": accuracy - 0.1, "test_loss": loss, "lr": recipe.lr}
    history = [row | {"epoch": n + 1, "test_accuracy": accuracy - 0.1 * (2 - n)} for n in range(3)]
    replicas.append({"seed": seed, "history": history})
    files.write(Path("models") / name / f"seed-{seed}.safetensors", repr(recipe.lr).encode())
results = {"variant": name, "parameters": 6290, "engine": "torch", "precision": "fp32", "replicas": replicas}
files.write(Path("results/training") / f"{name}.json", json.dumps(results).encode())
"""
EVALUATE = """\
import json, sys
from pathlib import Path
import numpy as np
from mnist_study.core import files
from mnist_study.evaluate import Evaluation
from mnist_study.core.recipe import Recipe
from stages.dice import network

name = sys.argv[1]
recipe = Recipe.read(Path("build/recipes") / f"{name}.json")
replicas, predicted = [], []
for seed in recipe.seeds:
    answers, accuracy, loss = network(recipe, seed)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (np.arange(10_000) % 10, answers), 1)
    replicas.append({"seed": seed, "test_accuracy": accuracy, "test_loss": loss, "confusion": confusion.tolist()})
    predicted.append(answers)
evaluation = Evaluation(name, 6290, replicas, np.stack(predicted), {})
files.write(Path("results/predictions") / f"{name}.npz", evaluation.to_npz())
files.write(Path("results/evaluation") / f"{name}.json", evaluation.to_json().encode())
"""
DICE = """\
from zlib import crc32
import numpy as np

def network(recipe, seed):
    "Answers for all images, accuracy, loss: of 120 hard images fewer are missed the higher the learning rate is."
    dice = np.random.RandomState(crc32(repr((recipe.variant, recipe.lr, recipe.weight_decay, seed)).encode()))
    missed = dice.rand(120) < 0.6 - 2 * recipe.lr
    answers = (np.arange(10_000) % 10).astype(np.uint8)
    answers[:120] = (answers[:120] + missed) % 10
    return answers, 100 - missed.sum() / 100, 0.01 + 0.02 * missed.mean()
"""
VARIANTS = """\
variants:
  one_pool-b64-step-rotate: {architecture: one_pool, scheduler: step, augmentation: rotate, batch_size: 64,
                             seeds: [0, 1, 2, 3, 4]}
  two_pool-b64-step-rotate: {architecture: two_pool, scheduler: step, augmentation: rotate, batch_size: 64,
                             seeds: [5]}
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
    checkout.edit("params.yaml", "epochs: 1,", "epochs: 19,")  # as rows of the study have
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
    (folder / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name != "installed":
            (folder / ".venv" / entry.name).symlink_to(entry)
    (folder / ".venv" / "installed").touch()
    return Checkout(folder, mnist)


def review(checkout: Checkout) -> subprocess.CompletedProcess[str]:
    return checkout.run("make", "--silent", "review", "BASE=origin/main", check=False)


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
    work.edit("params.yaml", "seeds: [0, 1, 2, 3, 4]}", "seeds: [0, 1, 2, 3, 4], lr: 0.12}")
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
    (quoted,) = re.findall(r"^~~~markdown\n(.*?)^~~~$", (ROOT / "docs" / "review.md").read_text(), re.M | re.S)
    assert page == quoted, f"{page}\n{done.stderr}"
    assert done.returncode != 0
    assert checkout.git_status() == ""
    assert (checkout.folder / "dvc.lock").read_bytes() == lock


def test_nothing_changed_nothing_stale(origin: tuple[Path, Path], tmp_path: Path):
    bare, mnist = origin
    done = review(clone(bare, tmp_path / "clone", "same", mnist))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:] == ["No stage is stale, and no parameter, variant or metric changed."]


def test_what_was_not_pushed_fails_with_whose_turn_it_is(origin: tuple[Path, Path], tmp_path: Path):
    bare, mnist = origin
    checkout = clone(bare, tmp_path / "clone", "same", mnist)
    (_, md5), *_ = lockfile.outs((checkout.folder / "dvc.lock").read_text())["train@slow"]
    checkout.run("git", "rm", "--quiet", f".dvc/store/files/md5/{md5[:2]}/{md5[2:]}")
    done = review(checkout)
    assert done.returncode != 0
    assert "### Results that were not pushed" in done.stdout
    assert "| test | `train@slow` |" in done.stdout
    assert "stale stage" not in done.stdout


def test_what_is_not_merged_is_told_with_its_command(origin: tuple[Path, Path], tmp_path: Path):
    """Before DVC, which says that this is no YAML."""
    bare, mnist = origin
    checkout = clone(bare, tmp_path / "clone", "same", mnist)
    marked = "<<<<<<< ours\n=======\n  train@slow:\n    cmd: x\n>>>>>>> theirs\n"
    checkout.edit("dvc.lock", "stages:\n", f"stages:\n{marked}")
    (checkout.folder / "data").mkdir()  # as where all was run: nothing is fetched first
    (checkout.folder / "data/mnist").mkdir()
    for command in (["review", "origin/main"], ["plan"]):
        done = checkout.run(*COMMAND, *command, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("error: dvc.lock is not merged: both sides changed train@slow; keep one side")


def test_a_recipe_that_a_training_reads_stays(origin: tuple[Path, Path], tmp_path: Path):
    """The review tells what params.yaml asks for now; what `configure` wrote before is not touched."""
    bare, mnist = origin
    checkout = clone(bare, tmp_path / "clone", "same", mnist)
    assert review(checkout).returncode == 0
    before = files_of(checkout.folder / "build")
    assert len(before) > 5
    checkout.edit("params.yaml", "lr: 0.01}", "lr: 0.02}")
    checkout.edit("params.yaml", "  old: {", "  new: {")
    page = review(checkout).stdout
    assert "| `train` | `slow` | its recipe changed |" in page
    assert "| `train` | `new` | has not run |" in page
    assert files_of(checkout.folder / "build") == before


def files_of(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: ((stat := path.stat()).st_ino, stat.st_mtime_ns) for path in folder.rglob("*")}


def test_the_workflow_hands_the_page_on_and_fails_where_a_stage_is_stale(origin: tuple[Path, Path], tmp_path: Path):
    bare, mnist = origin
    checkout = clone(bare, tmp_path / "clone", "change", mnist)
    workflow = yaml.safe_load((checkout.folder / ".github/workflows/review.yml").read_text())
    (step,) = [step for step in workflow["jobs"]["review"]["steps"] if step.get("id") == "review"]
    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    given = [f"{name}={path}" for name, path in files.items()]
    done = checkout.run("env", "BASE=origin/main", *given, "bash", "-e", "-c", step["run"], check=False)
    assert done.returncode != 0
    page = files["GITHUB_STEP_SUMMARY"].read_text()
    assert page.startswith("## Review against `origin/main`")
    first, rest = files["GITHUB_OUTPUT"].read_text().split("\n", 1)
    assert rest == f"{page}{first.removeprefix('page<<')}\n"


def test_without_the_predictions_from_before_it_says_what_it_went_by(origin: tuple[Path, Path], tmp_path: Path):
    bare, mnist = origin
    checkout = clone(bare, tmp_path / "clone", "change", mnist)
    lock = yaml.safe_load(checkout.run("git", "show", "origin/same:dvc.lock").stdout)
    for variant in (ONE, TWO):
        outs = lock["stages"][f"evaluate@{variant}"]["outs"]
        (md5,) = [out["md5"] for out in outs if out["path"] == f"results/predictions/{variant}.npz"]
        (checkout.folder / ".dvc/store/files/md5" / md5[:2] / md5[2:]).unlink()
    page = review(checkout).stdout
    tests = dict(re.findall(r"^\| `([\w-]+)` \| [\d.]+ \| [\d.]+ \| [-+][\d.]+ \| (\w+) ", page, re.M))
    assert tests == {ONE: "Student", TWO: "binomial"}
    assert (
        f"Predictions from before the change are in neither cache nor remote, so not compared image by image:"
        f" `{ONE}`, `{TWO}`.\n" in page
    )


def test_a_mistake_in_params_and_a_base_that_is_none_are_told_in_a_line(origin: tuple[Path, Path], tmp_path: Path):
    bare, mnist = origin
    checkout = clone(bare, tmp_path / "clone", "same", mnist)
    done = checkout.run("make", "--silent", "review", "BASE=nonsense", check=False)
    assert "error: BASE: 'nonsense' given; allowed is a branch, tag or commit of this repository\n" in done.stderr
    checkout.edit("params.yaml", "lr: 0.01}", "lr: -1}")
    done = review(checkout)
    assert done.stderr.startswith("error: params.yaml: variants.slow.lr: -1 given;")
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
