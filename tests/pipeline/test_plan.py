"""`mnist-study plan` says what `dvc repro` then runs: in clones, pulled or not, and where a push was forgotten."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from mnist_study.tools.lockfile import outs
from tests.pipeline.test_pipeline import ONE, TWO
from tests.support import COMMAND
from tests.support.checkout import Checkout

pytestmark = pytest.mark.slow
NEW = "+variants.mine={architecture: one_pool, scheduler: constant, augmentation: tilt, batch_size: 64}"


def plan(checkout: Checkout, *changes: str) -> tuple[set[str], set[str], str]:
    """Give the kinds of stages that would run, those that may, and all that was said."""
    said = checkout.run("env", "COLUMNS=300", *COMMAND, "plan", *changes).stdout
    rows = re.findall(r"^([a-z]+)  +(.*?) *$", said, re.M)
    may = {kind for kind, row in rows if row.endswith("may run, if what it reads changes")}
    return {kind for kind, _ in rows} - may - {"stage"}, may, said


@pytest.fixture
def clone(finished: Checkout, tmp_path: Path) -> Checkout:
    finished.run("git", "clone", "--quiet", "--no-hardlinks", ".", str(tmp_path / "clone"))
    return Checkout(tmp_path / "clone", finished.mnist)


def test_before_a_pull_all_would_run_and_after_it_only_the_download(clone: Checkout):
    surely, may, said = plan(clone)
    assert (surely, may) == ({"configure", "download", "transforms", "train", "evaluate"}, set())
    assert "2 networks would be trained; " in said
    assert "Pull first: `dvc pull --allow-missing --force` restores what 6 stages made.\n" in said
    unpulled = Checkout(clone.folder.with_name("unpulled"), clone.mnist)
    shutil.copytree(clone.folder, unpulled.folder)
    assert {f"train@{ONE}", f"evaluate@{TWO}"} < {*unpulled.repro()}
    clone.run("dvc", "pull", "--quiet", "--allow-missing", "--force")
    assert plan(clone)[:2] == ({"download"}, set())
    assert clone.repro() == ["download"]
    assert plan(clone) == (set(), set(), "Nothing would run.\n")


def test_after_a_forgotten_push_the_training_counts(clone: Checkout):
    """And `make repro` says so before it trains."""
    for _, md5 in outs((clone.folder / "dvc.lock").read_text())[f"train@{ONE}"]:
        clone.run("git", "rm", "--quiet", f".dvc/store/files/md5/{md5[:2]}/{md5[2:]}")
    clone.run("git", "commit", "--quiet", "--message", "as if never pushed")
    clone.run("dvc", "pull", "--quiet", "--allow-missing", "--force", check=False)
    surely, may, said = plan(clone)
    assert (surely, may) == ({"download", "train"}, set())
    assert "1 network would be trained; " in said
    assert "Pull first" not in said
    quick = clone.run(sys.executable, "-m", "mnist_study.tools.doctor", "--quick")
    assert f"neither cache nor store has what these stages made: train@{ONE};" in quick.stderr
    assert clone.repro() == ["download", f"train@{ONE}"]


def test_what_only_may_run_is_counted_apart(checkout: Checkout):
    """An edit that leaves what the contact sheet's stage writes as it is trains nothing; another range does."""
    sheet = checkout.folder / "src/mnist_study/transforms/contact_sheet.py"
    sheet.write_text(sheet.read_text() + "# a comment\n")
    surely, may, said = plan(checkout)
    assert surely == {"transforms"}
    assert may >= {"train", "evaluate", "report"}
    assert "would be trained" not in said
    assert "2 networks may be trained" in said
    assert checkout.repro() == ["transforms@rotate"]

    surely, may, said = plan(checkout, "-S", "augmentations.rotate.rotation=10")
    assert surely == {"configure", "transforms", "train", "evaluate"}
    assert "2 networks would be trained" in said
    surely, _, said = plan(checkout, "-S", "+augmentations.tilt={rotation: [5, 15]}", "-S", NEW)
    assert re.search(r"^transforms  +tilt +has not run *$", said, re.M)
    assert "1 network would be trained" in said
    shutil.rmtree(checkout.folder / "models")
    assert plan(checkout)[2] == "Nothing would run.\n"  # the cache has them
