"""Train the first epoch of one seed of a variant and print its row of the history as JSON; nothing is written."""

import json
import sys
from pathlib import Path

from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.train.messages import Note, Progress
from mnist_study.train.replica import read_splits, train_one


def main(variant: str) -> None:
    """Read what `configure`, `download` and `transforms` wrote."""
    recipe = Recipe.read(Path("build/recipes") / f"{variant}.json")
    policy = Policy.read(Path("data/transforms") / f"{recipe.augmentation}.json")

    def stop_after_first_epoch(message: Progress | Note) -> None:
        if isinstance(message, Progress) and message.epoch_ended:
            print(json.dumps(message.epoch_ended))
            sys.exit()

    splits = read_splits(recipe, Path("data/mnist"))
    train_one(recipe, recipe.seeds[0], policy, *splits, stop_after_first_epoch)


if __name__ == "__main__":
    main(sys.argv[1])
