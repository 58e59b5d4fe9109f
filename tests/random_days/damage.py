"""What breaks: objects, records, results, MNIST. After it the doctor is asked, and what it says is done."""

import shutil
from pathlib import Path

from tests.faults.test_damage import claims_of_a_zombie, cut_at_a_stage, damage, mnist_cut_short, torn_lock
from tests.random_days.day import Day, do
from tests.random_days.edits import variants
from tests.random_days.health import DOCTOR, heal, stale


def _damaged(day: Day, what: str) -> str:
    told = heal(day.here)
    return f"{what}; the doctor: {'; '.join(line.partition(';')[0] for line in told) or 'nothing'}"


def _object(day: Day, root: str) -> Path | None:
    found = sorted(path for path in (day.here.folder / root / "files/md5").rglob("*") if path.is_file())
    return day.chance.choice(found) if found else None


def break_cache(day: Day) -> str:
    if not (path := _object(day, ".dvc/cache")):
        return ""
    damage(path)
    return _damaged(day, f"damage {path.relative_to(day.here.folder)}")


def break_store(day: Day) -> str:
    if not (path := _object(day, ".dvc/store")):
        return ""
    day.here.commit()  # git is what heals it
    damage(path)
    return _damaged(day, f"damage {path.relative_to(day.here.folder)}")


def lose_store(day: Day) -> str:
    day.here.commit()
    shutil.rmtree(day.here.folder / ".dvc/store")
    return _damaged(day, "delete .dvc/store")


def lose_cache(day: Day) -> str:
    """What the store has comes back as the doctor notes; the rest is made again, and MNIST fetched again."""
    before = stale(day.here)
    shutil.rmtree(day.here.folder / ".dvc/cache", ignore_errors=True)
    done = _damaged(day, "delete .dvc/cache")
    if "only the store has" in do(day.here, *DOCTOR):
        do(day.here, "dvc", "pull", "--quiet", "--allow-missing", "--force")
        do(day.here, "dvc", "repro", "--quiet", "--single-item", "download")
    if "configure" in before:  # `dvc pull` removes results of a variant that is gone, as `report` will
        before |= {"report"}
    if lost := stale(day.here) - before:
        raise AssertionError(f"{done}; lost: {lost}")
    return done


def cut_lock(day: Day) -> str:
    path, share = day.here.folder / "dvc.lock", day.chance.random()
    text = path.read_text()
    path.write_text(text[: int(share * len(text))])
    return _damaged(day, f"cut dvc.lock after {share:.0%}")


def lose_stages(day: Day) -> str:
    cut_at_a_stage(day.here)
    return _damaged(day, "cut dvc.lock after a stage")


def lose_lock(day: Day) -> str:
    (day.here.folder / "dvc.lock").unlink()
    return _damaged(day, "delete dvc.lock")


def claim(day: Day) -> str:
    (day.here.folder / ".dvc/tmp").mkdir(exist_ok=True)
    claims = day.chance.choice((torn_lock, claims_of_a_zombie))
    claims(day.here)
    return _damaged(day, f"DVC's lock: {claims.__name__}")


def cut_mnist(day: Day) -> str:
    if not (day.here.folder / "data/mnist").exists():
        return ""
    mnist_cut_short(day.here)
    return _damaged(day, "cut MNIST short")


def lose_results(day: Day) -> str:
    """Delete or overwrite what stages wrote; `dvc status` tells that, not the doctor."""
    name = day.chance.choice(list(variants(day.here)))
    path = day.chance.choice(
        ("build", f"models/{name}", "results", f"results/predictions/{name}.npz", "metrics/variants.json", "data")
    )
    found = day.here.folder / path
    if not found.exists():
        return ""
    if found.is_dir():
        shutil.rmtree(found)
        return f"delete {path}"
    found.unlink()
    if day.chance.random() < 0.5:
        found.write_bytes(b"{}")
        return f"overwrite {path}"
    return f"delete {path}"
