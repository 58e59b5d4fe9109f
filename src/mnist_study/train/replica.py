"""One seed of one variant, from its recipe to its final weights, in a process of its own or in this one."""

from collections.abc import Callable
from pathlib import Path

import torch

from mnist_study import architectures
from mnist_study.core import mnist, weights
from mnist_study.core.arithmetic import VERSION
from mnist_study.core.augmentation import Policy
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.core.randomness import stream
from mnist_study.core.recipe import Recipe
from mnist_study.train import engines, environment, exact_loop
from mnist_study.train.checkpoint import Checkpoint, identity
from mnist_study.train.engines.torch_engine import require_gpu
from mnist_study.train.loop import train
from mnist_study.train.messages import Note, Progress, Replica


def read_splits(recipe: Recipe, images: Path) -> tuple[Split, dict[str, Split]]:
    """Read from the folder of the IDX files what the pipeline learns, and what it observes: `test`, maybe `validation`.

    Raises UserError naming the file that cannot be read, and where all images would be held out.
    """
    training = mnist.training_split(images)
    observed = {"test": mnist.test_split(images)}
    if recipe.validation >= len(training):
        given = f"{recipe.validation:,} given; allowed are fewer than the {len(training):,} training images"
        raise UserError(f"variants.{recipe.variant}.validation: {given}")
    if recipe.validation:
        training, observed["validation"] = mnist.hold_out(training, recipe.validation)
    return training, observed


def train_one(
    recipe: Recipe,
    seed: int,
    policy: Policy,
    training: Split,
    observed: dict[str, Split],
    report: Callable[[Progress | Note], None],
    checkpoint: Path | None = None,
) -> Replica:
    """Build and train one seed on one thread; the history scores each `observed` split by name after every epoch.

    The splits are on the processor. `checkpoint` is the file to resume from and to save to, None for neither.
    Raises UserError where training does.
    """

    def note(text: str) -> None:
        report(Note(text))

    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error")  # as use_deterministic_algorithms, which imports torch._inductor: 2 s
    torch.manual_seed(stream("weights", seed))
    model = architectures.build(recipe.architecture, **recipe.model)
    engine = None
    if recipe.engine == "exact":
        if recipe.device == "cuda":
            require_gpu(recipe)
        model.to(recipe.device)
    else:
        engine = engines.choose(recipe, model, len(training), note, side=training.images.shape[2])
    saved = None
    if checkpoint is not None:
        splits = {"training": training, **observed}
        saved = Checkpoint(checkpoint, identity(recipe, seed, policy, splits, engine), note)
    training = training.to(recipe.device)
    observed = {name: split.to(recipe.device) for name, split in observed.items()}
    if engine is None:
        trained, history = exact_loop.train(model, recipe, seed, policy, training, observed, report, saved)
    else:
        trained, history = train(model, engine, recipe, seed, policy, training, observed, report, saved)
    name, precision = (engine.name, engine.precision) if engine else ("exact", f"integers, version {VERSION}")
    return Replica(
        seed=seed,
        weights=weights.pack(trained, None if engine else {"arithmetic": str(VERSION)}),
        history=history,
        parameters=architectures.count_parameters(trained),
        engine=name,
        precision=precision,
        environment=environment.describe(recipe.device, name),
    )
