"""What a user edits: params.yaml, and an architecture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.random_days.day import Day, do
from tests.support import COMMAND
from tests.support.checkout import Checkout

NAMES = ("one_pool-b64-step-rotate", "ant", "bee", "cat")
RATES = (0.05, 0.1)
MOST = 3  # variants at a time
REFUSED = "no valid results are here|there is such a variant already"


def variants(here: Checkout) -> dict[str, Any]:
    return YAML(typ="safe").load(here.folder / "params.yaml")["variants"]


def change(path: Path, edit: Callable[[Any], None]) -> None:
    """Edit params.yaml, leaving comments and order as they are."""
    yaml = YAML()
    yaml.width = 4096
    params = yaml.load(path)
    edit(params)
    yaml.dump(params, path)


def set_rate(day: Day) -> str:
    name, rate = day.chance.choice(list(variants(day.here))), day.chance.choice(RATES)
    change(day.here.folder / "params.yaml", lambda params: params["variants"][name].update(lr=rate))
    return f"lr of {name} is {rate}"


def add(day: Day) -> str:
    there = variants(day.here)
    free = [name for name in NAMES if name not in there]
    if len(there) >= MOST or not free:
        return ""
    name, scheduler = day.chance.choice(free), day.chance.choice(("step", "constant"))
    line = {"architecture": "one_pool", "scheduler": scheduler, "augmentation": "rotate", "batch_size": 64}

    def edit(params: Any) -> None:
        params["variants"][name] = line
        params["variants"].fa.set_block_style()

    change(day.here.folder / "params.yaml", edit)
    return f"add {name}, {scheduler}"


def remove(day: Day) -> str:
    there = variants(day.here)
    if len(there) < 2:
        return ""
    name = day.chance.choice(list(there))
    change(day.here.folder / "params.yaml", lambda params: params["variants"].pop(name))
    return f"remove {name}"


def rename(day: Day) -> str:
    old, new = day.chance.choice(list(variants(day.here))), day.chance.choice(NAMES)
    before = (day.here.folder / "params.yaml").read_text()
    said = do(day.here, *COMMAND, "rename", old, new, allowed=REFUSED)
    renamed = "nothing was trained" in said
    assert renamed == (before != (day.here.folder / "params.yaml").read_text()), said
    return f"mnist-study rename {old} {new}{'' if renamed else ': refused'}"


def set_scheduler(day: Day) -> str:
    gamma = day.chance.choice((0.1, 0.2))
    change(day.here.folder / "params.yaml", lambda params: params["schedulers"]["step"].update(gamma=gamma))
    return f"gamma of the scheduler step is {gamma}"


def set_policy(day: Day) -> str:
    degrees = day.chance.choice((7, 7, 9))
    change(day.here.folder / "params.yaml", lambda params: params["augmentations"]["rotate"].update(rotation=degrees))
    return f"rotation of the policy rotate is {degrees}"


def edit_architecture(day: Day) -> str:
    """Put a comment in or take it out: its variants train again, to the same bytes."""
    path, comment = day.here.folder / "src/mnist_study/architectures/one_pool.py", "# edited\n"
    text = path.read_text()
    path.write_text(
        text.replace(comment, "") if comment in text else text.replace("def build(", f"{comment}def build(")
    )
    return f"edit {path.name}"


def mistake(day: Day) -> str:
    """A wrong value runs nothing, is told by name, and is taken back."""
    path = day.here.folder / "params.yaml"
    before, lock = path.read_text(), (day.here.folder / "dvc.lock").read_bytes()
    name = day.chance.choice(list(variants(day.here)))
    change(path, lambda params: params["variants"][name].update(lr="much"))
    said = do(day.here, "dvc", "repro", allowed=f"error: params.yaml: variants.{name}.lr: 'much' given")
    assert "Running stage 'train" not in said
    assert (day.here.folder / "dvc.lock").read_bytes() == lock
    path.write_text(before)
    return f"a mistake in {name}, told and taken back"
