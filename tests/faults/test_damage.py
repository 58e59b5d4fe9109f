"""Damaged records, objects and stores: the doctor says what and how; its own command heals, to the same bytes."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_study.tools.lockfile import ENTRY
from tests.pipeline.test_parallel import outcome
from tests.pipeline.test_pipeline import ONE
from tests.support.checkout import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.faults]

DOCTOR = ("env", "PYTHONPATH=src", sys.executable, "-m", "mnist_study.tools.doctor")


def objects(folder: Path, checkout: Checkout) -> list[Path]:
    """The weights of one variant among the objects of a cache or store."""
    md5 = re.search(rf"path: models/{ONE}\n      hash: md5\n      md5: (\w+)\.dir", lock(checkout).read_text())
    assert md5
    listed = folder / "files" / "md5" / md5[1][:2] / f"{md5[1][2:]}.dir"
    return [
        listed.parents[1] / each[:2] / each[2:] for each in re.findall(r'"md5": "(\w+)"', listed.read_text())
    ] or pytest.fail("no weights")


def lock(checkout: Checkout) -> Path:
    return checkout.folder / "dvc.lock"


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.chmod(0o644)
    path.write_bytes(data)


def cut(share: float) -> Callable[[Checkout], None]:
    def do(checkout: Checkout) -> None:
        text = lock(checkout).read_text()
        lock(checkout).write_text(text[: int(share * len(text))])

    return do


def cut_at_a_stage(checkout: Checkout) -> None:
    text = lock(checkout).read_text()
    fourth = [entry.start() for entry in ENTRY.finditer(text)][3]
    lock(checkout).write_text(text[:fourth])


def damaged_in_the_store(checkout: Checkout) -> None:
    for path in objects(checkout.folder / ".dvc" / "store", checkout):
        damage(path)


def damaged_in_the_cache(checkout: Checkout) -> None:
    """And handed out by DVC, which trusts its cache."""
    for path in objects(checkout.folder / ".dvc" / "cache", checkout):
        damage(path)
    shutil.rmtree(checkout.folder / "models")
    checkout.run("dvc", "checkout", "--quiet")


def store_deleted(checkout: Checkout) -> None:
    shutil.rmtree(checkout.folder / ".dvc" / "store")
    shutil.rmtree(checkout.folder / ".dvc" / "cache")


def torn_lock(checkout: Checkout) -> None:
    (checkout.folder / ".dvc" / "tmp" / "rwlock").write_text('{"write": {')


def claims_of_the_dead(checkout: Checkout) -> None:
    """What a DVC that was killed leaves: DVC itself sees that nobody of that number is there."""
    claims_of(2**22 - 1, checkout)


def claims_of_a_zombie(checkout: Checkout) -> None:
    """The same where nobody has waited for what was killed: DVC takes it for alive."""
    claims_of(os.spawnlp(os.P_NOWAIT, "true", "true"), checkout)  # noqa: S606 - subprocess would wait for it
    time.sleep(0.5)


def claims_of(pid: int, checkout: Checkout) -> None:
    claim = f'{{"pid": {pid}, "cmd": "dvc repro"}}'
    path = f"{checkout.folder}/models/{ONE}"
    (checkout.folder / ".dvc" / "tmp" / "rwlock").write_text(f'{{"write": {{"{path}": {claim}}}, "read": {{}}}}')


def mnist_cut_short(checkout: Checkout) -> None:
    path = checkout.folder / "data" / "mnist" / "train-images-idx3-ubyte"
    data = path.read_bytes()
    path.unlink()  # it may be a link into the cache
    path.write_bytes(data[:1000])


FAULTS: dict[str, tuple[Callable[[Checkout], None], str]] = {
    "dvc.lock empty": (cut(0), "dvc.lock is damaged (its beginning is not DVC's)"),
    "dvc.lock cut short": (cut(0.43), "dvc.lock is damaged ("),
    "dvc.lock cut after a stage": (cut_at_a_stage, "dvc.lock lacks 5 stages of the last commit's"),
    "dvc.lock deleted": (lambda checkout: lock(checkout).unlink(), "dvc.lock is missing"),
    "object in the store damaged": (damaged_in_the_store, "is damaged; `git checkout -- .dvc/store/files/md5/"),
    "object in the cache damaged": (damaged_in_the_cache, "is damaged; `rm -f .dvc/cache/files/md5/"),
    "store deleted": (store_deleted, ".dvc/store is missing"),
    "DVC's lock torn": (torn_lock, ".dvc/tmp/rwlock was half written; it is removed"),
    "DVC's lock of a dead process": (claims_of_the_dead, ".dvc/tmp/rwlock was held by what has ended; it is removed"),
    "DVC's lock of a zombie": (claims_of_a_zombie, ".dvc/tmp/rwlock was held by what has ended; it is removed"),
    "MNIST cut short": (mnist_cut_short, "data/mnist/train-images-idx3-ubyte is damaged"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_doctors_own_command_heals_it(checkout: Checkout, fault: str):
    before = outcome(checkout)
    do, said = FAULTS[fault]
    do(checkout)
    told = checkout.run(*DOCTOR, check=False)
    assert said in told.stdout
    assert "Traceback" not in told.stderr
    findings = [line for line in told.stdout.splitlines() if line.startswith("WRONG")]
    assert told.returncode == (1 if findings else 0)
    for line in findings:
        for command in re.findall(r"`([^`]+)`", line):
            checkout.run(*command.split())
    ran = checkout.repro()
    assert not [stage for stage in ran if stage.startswith("train")], ran
    assert outcome(checkout) == before
    assert checkout.git_status() == ""
    after = checkout.run(*DOCTOR)
    assert "WRONG" not in after.stdout


def test_a_damaged_object_of_the_store_is_never_handed_out(finished: Checkout, tmp_path: Path):
    """Without its `verify`, DVC gave a clone the damaged weights without a word."""
    finished.run("git", "clone", "--quiet", "--no-hardlinks", ".", str(tmp_path / "clone"))
    clone = Checkout(tmp_path / "clone", finished.mnist)
    damaged = objects(clone.folder / ".dvc" / "store", clone)
    for path in damaged:
        damage(path)
    clone.run("dvc", "pull", "--quiet", "--allow-missing", check=False)
    wrong = [path.read_bytes() for path in damaged]
    assert not [path for path in (clone.folder / "models").rglob("*.safetensors") if path.read_bytes() in wrong]


def test_make_repro_begins_with_a_look_for_damage(checkout: Checkout):
    damaged_in_the_store(checkout)
    (checkout.folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    command = ["make", "--assume-old", ".venv/installed", "repro"]
    env = {**os.environ, "MNIST_DIR": str(checkout.mnist)}
    done = subprocess.run(command, cwd=checkout.folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    assert "`git checkout -- .dvc/store/files/md5/" in done.stderr
    assert "Running stage" not in done.stdout


def test_a_healthy_checkout_has_no_findings(finished: Checkout):
    done = finished.run(*DOCTOR)
    assert [line for line in done.stdout.splitlines() if not line.startswith("ok ")] == []
    quick = finished.run(*DOCTOR, "--quick")
    assert (quick.stdout, quick.stderr) == ("", "")
