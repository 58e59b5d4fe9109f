"""Name the digit, or the class, in each photo or drawing, by the networks of one variant."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.report.results.outcomes import Images, read_plan
from mnist_study.tools.predict import digit, picture

WIDTH = 100  # so that nothing is cut short in a pipe or a narrow window
SHOWN = 0.0005  # a smaller probability is left out of the table
SURE = 0.95  # the probability that a class must reach to be named
FEW = 10  # classes that all have a column of the table; of more, only those that some picture may show
LIKELY = 0.01


def predict(pictures: Sequence[str], variant: str | None = None, *, json_wanted: bool = False) -> None:
    """Print an answer for every picture that can be read; raises UserError with a line for each other one."""
    inks, unreadable = {}, {}
    for name in dict.fromkeys(pictures):
        try:
            inks[name] = picture.read(Path(name))
        except UserError as error:
            unreadable[name] = str(error)
    chosen, why, seeds, answers, images = None, "", (), {}, Images()
    if inks:  # networks take seconds to load
        chosen, why, seeds, found, images = answer(variant, list(inks.values()))
        answers = dict(zip(inks, found, strict=True))
    if json_wanted:
        print(as_json(chosen, seeds, pictures, answers, unreadable, images))
    elif answers:
        networks = "one network" if len(seeds) == 1 else f"the mean of {len(seeds)} networks"
        console = Console(width=WIDTH, highlight=False)
        console.print(
            table(answers, images), f"in percent, by {networks} of {chosen} ({why})", sep="\n", soft_wrap=True
        )
    if unreadable:
        raise UserError("\n".join(unreadable.values()))


def answer(given: str | None, inks: list[np.ndarray]) -> tuple[str, str, tuple[int, ...], np.ndarray, Images]:
    """Give the variant that answers, why it does, its seeds, probabilities [N, K], and what the K classes are."""
    from mnist_study.core.augmentation import Policy  # these import torch, which takes seconds
    from mnist_study.tools.predict.answer import choose, probabilities

    top = checkout()
    try:
        results = json.loads(_existing(top / "metrics/variants.json", "dvc repro").read_text())
    except json.JSONDecodeError as error:
        raise UserError(f"metrics/variants.json: not JSON ({error}); `dvc repro --force report` writes it") from None
    variant, why = choose(results, given)
    recipe = Recipe.read(top / "build/recipes" / f"{variant}.json")
    policy = Policy.read(_existing(top / "data/transforms" / f"{recipe.augmentation}.json", "dvc pull --allow-missing"))
    images = read_plan(top / "build/plan.json")[2]
    batch = np.stack([digit.as_mnist(ink, images.side) for ink in inks])
    return variant, why, recipe.seeds, probabilities(recipe, policy, top / "models" / variant, batch), images


def checkout() -> Path:
    """Give the nearest folder with a dvc.yaml, from here upwards; raises UserError where there is none."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "dvc.yaml").exists():
            return folder
    raise UserError("there is no dvc.yaml here or in a folder above; run this inside a checkout of mnist-study")


def unsure(shares: np.ndarray) -> bool:
    """Tell whether no class stands out in probabilities [K], the mean over the networks.

    SURE was chosen with the champion on six fonts. On six others and on drawn strokes, 8 of the 836 digits that it
    names rightly are unsure, as are all 4 that it names wrongly, 408 of 528 letters (without O, I, L, Z, S), 50 of 60
    scribbles and all 60 pictures of noise. What looks like a digit to all networks is named as one: every D is a 0.
    A variant of fewer networks is unsure less often.
    """
    return bool(shares.max() < SURE)


def table(answers: dict[str, np.ndarray], images: Images) -> Table:
    """Draw a row for each picture: its class, and the probability of each class in percent."""
    most = np.max(list(answers.values()), axis=0)
    shown = [label for label, share in enumerate(most) if len(most) <= FEW or share >= LIKELY]
    drawn = Table(box=SIMPLE, show_edge=False, caption_justify="left")
    if any(map(unsure, answers.values())):
        drawn.caption = f"unsure: no {_what(images)} reaches {100 * SURE:.0f} %"
    drawn.add_column("picture", overflow="fold")
    drawn.add_column(_what(images), justify="center", style="bold")
    for label in shown:
        drawn.add_column(images.classes[label], justify="right", no_wrap=True)
    for name, shares in answers.items():
        cells = [f"{100 * shares[label]:.1f}" if shares[label] >= SHOWN else "" for label in shown]
        drawn.add_row(Text(name), "unsure" if unsure(shares) else images.classes[int(shares.argmax())], *cells)
    return drawn


def as_json(
    variant: str | None,
    seeds: Sequence[int],
    names: Sequence[str],
    answers: dict[str, np.ndarray],
    unreadable: dict[str, str],
    images: Images,
) -> str:
    """Write all answers and errors as JSON, in the order of the pictures; `variant` is None where none can be read."""
    pictures = []
    for name in names:
        if name in answers:
            shares = answers[name]
            rounded = [round(float(share), 6) for share in shares]
            best = int(shares.argmax()) if images.study else images.classes[int(shares.argmax())]
            pictures.append(
                {"file": name, _what(images): best, "unsure": unsure(shares), "probabilities": rounded},
            )
        else:
            pictures.append({"file": name, "error": unreadable[name]})
    return json.dumps({"variant": variant, "seeds": list(seeds), "pictures": pictures})


def _what(images: Images) -> str:
    """Name what a network answers."""
    return "digit" if images.study else "class"


def _existing(path: Path, command: str) -> Path:
    if not path.exists():
        raise UserError(f"{path}: missing; `{command}` restores it")
    return path
