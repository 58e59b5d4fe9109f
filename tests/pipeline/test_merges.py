"""Two branches that change variants each are merged by git: nothing is trained, and all is as if done in one go."""

import re
from pathlib import Path

import pytest

from mnist_study.tools.lockfile import entries
from tests.pipeline.test_review import clone
from tests.support import ROOT
from tests.support.checkout import PARAMS, Checkout, write_copy
from tests.support.tiny import write_tiny_mnist

pytestmark = [pytest.mark.slow, pytest.mark.changes]

ONE = "  one_pool-b64-step-rotate: {architecture: one_pool, scheduler: step, augmentation: rotate, batch_size: 64}\n"
LINES = {
    "mine": "  mine: {architecture: two_pool, scheduler: constant, augmentation: rotate, batch_size: 64}\n",
    "theirs": "  theirs: {architecture: one_pool, scheduler: constant, augmentation: rotate, batch_size: 64}\n",
}
CHANGED = ONE.replace("batch_size: 64", "batch_size: 32")
WRITTEN = ("metrics", "reports")
STUDY = PARAMS.replace("champions: []", "champions: [two_pool-b64-step-rotate]")  # whose robustness is a stage, too


def contents(checkout: Checkout, folder: str) -> dict[str, bytes]:
    found = [path for path in (checkout.folder / folder).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(checkout.folder)): path.read_bytes() for path in found if path.name != "trained_on.json"
    }


def run_all(checkout: Checkout) -> list[str]:
    """Run what is stale and keep it, as somebody does before a pull request; give the stages that ran."""
    ran = checkout.repro()
    checkout.run("dvc", "push", "--quiet")
    checkout.commit()
    return ran


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, Checkout, str]:
    """A clone in which a branch was merged with another, what came of it in one go, and git's words."""
    folder = tmp_path_factory.mktemp("two branches")
    mnist, work = folder / "mnist", folder / "work"
    write_tiny_mnist(mnist)
    work.mkdir()
    write_copy(work, mnist)
    here = Checkout(work, mnist)
    (work / "params.yaml").write_text(STUDY)
    here.run("git", "init", "--quiet", "--initial-branch", "main")
    run_all(here)
    here.run("git", "switch", "--quiet", "--create", "theirs")
    (work / "params.yaml").write_text(STUDY.replace(ONE, CHANGED + LINES["theirs"]))
    run_all(here)
    here.run("git", "switch", "--quiet", "--create", "ours", "main")
    here.run("dvc", "checkout", "--quiet")
    (work / "params.yaml").write_text(STUDY + LINES["mine"])
    run_all(here)

    # In one go, with neither cache nor results of the others.
    whole = Checkout(folder / "whole", mnist)
    whole.folder.mkdir()
    write_copy(whole.folder, mnist)
    (whole.folder / "params.yaml").write_text(STUDY.replace(ONE, CHANGED) + LINES["mine"] + LINES["theirs"])
    whole.run("git", "init", "--quiet")
    whole.run("git", "add", "--all")
    whole.repro()

    other = clone(work, folder / "clone", "ours", mnist)
    other.run("make", "--silent", "setup")
    done = other.run("git", "merge", "--no-edit", "origin/theirs", check=False)
    assert not done.returncode, done.stdout + done.stderr
    return other, whole, done.stdout


def test_the_merge_has_no_conflict_and_nothing_is_trained(merged: tuple[Checkout, Checkout, str]):
    """As docs/teams.md says; what it pushes is all that a clone needs."""
    checkout, _, _ = merged
    assert checkout.git_status() == ""
    block = re.findall(r"^## Merge\n\n```\n(.*?)^```$", (ROOT / "docs/teams.md").read_text(), re.M | re.S)[0]
    setup, merge, repro, *keep = block.splitlines()
    assert (setup.split()[:2], merge.split()[:2]) == (["make", "setup"], ["git", "merge"])
    said = checkout.run("bash", "-c", repro).stdout
    for line in keep:
        checkout.run("bash", "-c", line)
    ran = re.findall(r"Running stage '([^']+)'", said)
    assert set(ran) <= {"configure", "download", "transforms@rotate", "report"}
    assert "report" in ran


def test_after_that_all_is_as_if_done_in_one_go(merged: tuple[Checkout, Checkout, str]):
    checkout, whole, _ = merged
    for name in WRITTEN:
        one, other = (contents(each, name) for each in (checkout, whole))
        assert one == other
    one, other = (entries((each.folder / "dvc.lock").read_text()) for each in (checkout, whole))
    assert one == other
    assert checkout.run("dvc", "status", "--quiet", check=False).returncode == 0


def test_the_processors_of_both_sides_are_kept(merged: tuple[Checkout, Checkout, str]):
    text = (merged[0].folder / "metrics/trained_on.json").read_text()
    assert '"mine"' in text
    assert '"theirs"' in text


def test_a_fresh_clone_of_the_merge_has_nothing_stale_and_all_is_pushed(
    merged: tuple[Checkout, Checkout, str], tmp_path: Path
):
    merge = merged[0]
    there = clone(merge.folder, tmp_path / "clone", "ours", merge.mnist)
    done = there.run("make", "--silent", "review", "BASE=origin/ours", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No stage is stale" in done.stdout
