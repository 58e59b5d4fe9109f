"""A variant is renamed without training, and what nothing names any more is deleted, under real DVC."""

import json
import subprocess
from pathlib import Path

import pytest

from mnist_study.tools.lockfile import entries
from tests.pipeline.test_pipeline import ONE, TWO
from tests.support import COMMAND
from tests.support.checkout import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.changes]


def command(checkout: Checkout, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return checkout.run(*COMMAND, *arguments, check=check)


def lock(checkout: Checkout) -> str:
    return (checkout.folder / "dvc.lock").read_text()


def objects(checkout: Checkout, root: str) -> set[Path]:
    return {path for path in (checkout.folder / root / "files/md5").rglob("*") if path.is_file()}


def keep(checkout: Checkout) -> None:
    checkout.repro()
    checkout.run("dvc", "push", "--quiet")
    checkout.commit()


def restorable(checkout: Checkout, revision: str, folder: Path) -> bool:
    """Tell whether a clone of the revision gets everything back by `dvc pull`."""
    checkout.run("git", "clone", "--quiet", "--branch", revision, ".", str(folder))
    clone = Checkout(folder, checkout.mnist)
    clone.run("dvc", "pull", "--quiet", "--allow-missing")
    return not [stage for stage in clone.repro() if stage.startswith(("train", "evaluate"))]


def test_a_renamed_variant_is_as_if_trained_under_its_new_name(checkout: Checkout):
    params = (checkout.folder / "params.yaml").read_text()
    order = list(entries(lock(checkout)))
    done = command(checkout, "rename", ONE, "better-name")
    assert "nothing was trained" in done.stdout
    assert (checkout.folder / "params.yaml").read_text() == params.replace(f"  {ONE}:", "  better-name:")
    assert list(entries(lock(checkout))) == [name.replace(ONE, "better-name") for name in order]
    assert checkout.repro() == ["report"]
    variants = json.loads((checkout.folder / "metrics/variants.json").read_text())
    assert list(variants) == ["better-name", TWO]
    assert list(json.loads((checkout.folder / "metrics/trained_on.json").read_text())) == ["better-name", TWO]
    renamed = lock(checkout)
    checkout.run("dvc", "repro", "--quiet", "--force", "--single-item", "train@better-name", "evaluate@better-name")
    assert lock(checkout) == renamed
    assert checkout.repro() == []


def test_a_name_that_is_refused_changes_nothing(checkout: Checkout):
    for old, new, said in (
        ("none", "new", "there is no 'none'"),
        (ONE, TWO, "there is such a variant already"),
        (ONE, "a name", "a name is up to 100 letters"),
    ):
        done = command(checkout, "rename", old, new, check=False)
        assert done.returncode == 1
        assert said in done.stderr
    checkout.edit(
        "params.yaml", "architecture: one_pool, scheduler: step", "architecture: one_pool, scheduler: constant"
    )
    for _ in range(2):  # before `configure` writes the new recipe, and after
        changed = checkout.git_status()
        done = command(checkout, "rename", ONE, "new", check=False)
        assert "no valid results are here" in done.stderr
        assert checkout.git_status() == changed
        checkout.run("dvc", "repro", "--quiet", "--single-item", "configure")


def test_only_what_nothing_names_is_deleted(checkout: Checkout, tmp_path: Path):
    assert "name: none\n" in command(checkout, "tidy").stdout
    checkout.run("git", "branch", "--move", "main")
    checkout.run("git", "switch", "--quiet", "--create", "theirs")
    checkout.edit(
        "params.yaml",
        "  two_pool-b64",
        "  theirs: {architecture: one_pool, scheduler: constant, augmentation: rotate, batch_size: 64}\n  two_pool-b64",
    )
    keep(checkout)
    checkout.run("git", "switch", "--quiet", "main")
    checkout.run("dvc", "checkout", "--quiet")
    checkout.run("git", "merge", "--quiet", "theirs")
    checkout.run("dvc", "checkout", "--quiet")
    command(checkout, "rename", "theirs", "ours")
    keep(checkout)
    command(checkout, "tidy", "--delete")  # only what `configure` wrote at the first commit, where no branch ends
    held = {root: objects(checkout, root) for root in (".dvc/store", ".dvc/cache")}
    assert command(checkout, "tidy").stdout.count(": 0 objects") == 2  # the branch names its old results

    checkout.run("git", "branch", "--quiet", "--delete", "--force", "theirs")
    assert "Nothing was deleted" in command(checkout, "tidy").stdout
    assert {root: objects(checkout, root) for root in held} == held
    command(checkout, "tidy", "--delete")
    assert all(objects(checkout, root) < before for root, before in held.items())
    checkout.commit()
    assert restorable(checkout, "main", tmp_path / "main")
