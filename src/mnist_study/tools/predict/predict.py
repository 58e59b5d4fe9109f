"""Name the digit, or the class, in each photo or drawing, by the networks of one variant."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnist_study.core.errors import UserError
from mnist_study.report.results.outcomes import Images
from mnist_study.tools.predict import picture, resample
from mnist_study.tools.predict.source import Source, in_checkout, in_folder

WIDTH = 100  # so that nothing is cut short in a pipe or a narrow window
SHOWN = 0.0005  # a smaller probability is left out of the table
SURE = 0.95  # the probability that a class must reach to be named
FEW = 10  # classes that all have a column of the table; of more, only those that some picture may show
LIKELY = 0.01
SHADES = " ░▒▓█"


def predict(
    pictures: Sequence[str],
    variant: str | None = None,
    folder: Path | None = None,
    *,
    json_wanted: bool = False,
    shown: bool = False,
) -> None:
    """Print an answer for every picture that can be read; raises UserError with a line for each other one.

    `folder` is one that `mnist-study export` wrote; `shown` asks for what the networks see of each picture.
    """
    if folder is not None and variant is not None:
        raise UserError("--variant and --folder given; allowed is one of them, since a folder holds one variant")
    if json_wanted and shown:
        raise UserError("--json and --show given; allowed is one of them, since what is shown is no JSON")
    inks, unreadable = {}, {}
    for name in dict.fromkeys(pictures):
        try:
            inks[name] = picture.read(Path(name))
        except UserError as error:
            unreadable[name] = str(error)
    chosen, seeds, images, answers, seen, doubted, why = None, (), Images(), {}, {}, set(), ""
    if inks:  # networks take seconds to load
        source = in_checkout(variant) if folder is None else in_folder(folder)
        chosen, seeds, images, why = source.recipe.variant, source.recipe.seeds, source.images, source.why
        seen = {name: resample.as_mnist(ink, images.side) for name, ink in inks.items()}
        answers = dict(zip(seen, answer(source, np.stack(list(seen.values()))), strict=True))
        several = {name for name, image in seen.items() if images.study and resample.side_by_side(image)}
        doubted = several | {name for name, shares in answers.items() if unsure(shares)}
    if json_wanted:
        print(as_json(chosen, seeds, pictures, answers, doubted, unreadable, images))
    elif answers:
        networks = "one network" if len(seeds) == 1 else f"the mean of {len(seeds)} networks"
        console = Console(width=WIDTH, highlight=False)
        if shown:
            for name, image in seen.items():
                console.print(Text(name), Text(drawn(image)), sep="\n")
        console.print(
            table(answers, doubted, images), f"in percent, by {networks} of {chosen} ({why})", sep="\n", soft_wrap=True
        )
    if unreadable:
        raise UserError("\n".join(unreadable.values()))


def answer(source: Source, images: np.ndarray) -> np.ndarray:
    """Give the probability of each class for uint8 images [N, side, side]: [N, K]."""
    from mnist_study.core.policy import Policy  # these import torch, which takes seconds
    from mnist_study.tools.predict.answer import probabilities

    return probabilities(source.recipe, Policy.read(source.policy), source.trained, images)


def drawn(image: np.ndarray) -> str:
    """Draw a uint8 image [side, side] by characters, two a pixel, so that it is as wide as high; ink is dark."""
    return "\n".join("".join(2 * SHADES[value * len(SHADES) // 256] for value in row) for row in image.astype(int))


def unsure(shares: np.ndarray) -> bool:
    """Tell whether no class stands out in probabilities [K], the mean over the networks.

    What looks like a digit to all networks is named as one: every D is a 0. docs/predict.md has the rates, which
    tests/predict_rates.py measures; other rules were no better. A variant of fewer networks is unsure less often.
    """
    return bool(shares.max() < SURE)


def table(answers: dict[str, np.ndarray], doubted: Collection[str], images: Images) -> Table:
    """Draw a row for each picture: its class unless doubted, and the probability of each class in percent."""
    most = np.max(list(answers.values()), axis=0)
    shown = [label for label, share in enumerate(most) if len(most) <= FEW or share >= LIKELY]
    drawn = Table(box=SIMPLE, show_edge=False, caption_justify="left")
    if doubted:
        several = ", or several stand side by side" if images.study else ""
        drawn.caption = f"unsure: no {_what(images)} reaches {100 * SURE:.0f} %{several}"
    drawn.add_column("picture", overflow="fold")
    drawn.add_column(_what(images), justify="center", style="bold")
    for label in shown:
        drawn.add_column(images.classes[label], justify="right", no_wrap=True)
    for name, shares in answers.items():
        cells = [f"{100 * shares[label]:.1f}" if shares[label] >= SHOWN else "" for label in shown]
        drawn.add_row(Text(name), "unsure" if name in doubted else images.classes[int(shares.argmax())], *cells)
    return drawn


def as_json(
    variant: str | None,
    seeds: Sequence[int],
    names: Sequence[str],
    answers: dict[str, np.ndarray],
    doubted: Collection[str],
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
                {"file": name, _what(images): best, "unsure": name in doubted, "probabilities": rounded},
            )
        else:
            pictures.append({"file": name, "error": unreadable[name]})
    return json.dumps({"variant": variant, "seeds": list(seeds), "pictures": pictures})


def _what(images: Images) -> str:
    """Name what a network answers."""
    return "digit" if images.study else "class"
