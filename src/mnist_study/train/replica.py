"""One seed of one variant, from its recipe to its final weights, in a process of its own or in this one."""

import os
from collections.abc import Callable
from pathlib import Path

import torch

from mnist_study import architectures
from mnist_study.core import mnist, weights
from mnist_study.core.arithmetic import VERSION
from mnist_study.core.arithmetic.random_words import key
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.train import environment
from mnist_study.train.checkpoint import Checkpoint, identity
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
    """Build and train one seed on one torch thread; the history scores each `observed` split by name after every epoch.

    The splits are on the processor. `checkpoint` is the file to resume from and to save to, None for neither.
    Raises UserError where training does.
    """

    def note(text: str) -> None:
        report(Note(text))

    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error")  # as use_deterministic_algorithms, which imports torch._inductor: 2 s
    torch.manual_seed(int(key("weights", seed)[0]))  # of the engine `torch`; `exact` draws its own
    if recipe.device == "cuda":
        require_gpu(recipe)
    if recipe.engine == "torch":
        note(f"variants.{recipe.variant}: engine torch gives the same bytes on this kind of machine only")
    model = architectures.build(recipe.architecture, **recipe.model).to(recipe.device)
    saved = None
    if checkpoint is not None:
        splits = {"training": training, **observed}
        saved = Checkpoint(checkpoint, identity(recipe, seed, policy, splits), note)
    training = training.to(recipe.device)
    observed = {name: split.to(recipe.device) for name, split in observed.items()}
    trained, history = train(model, recipe, seed, policy, training, observed, report, saved)
    exact = recipe.engine == "exact"
    return Replica(
        seed=seed,
        weights=weights.pack(trained, {"arithmetic": str(VERSION)} if exact else None),
        history=history,
        parameters=architectures.count_parameters(trained),
        engine=recipe.engine,
        precision=f"integers, version {VERSION}" if exact else "fp32",
        environment=environment.describe(recipe.device),
    )


def require_gpu(recipe: Recipe) -> None:
    """Make a GPU deterministic and use full float32; raises UserError where torch finds none."""
    if not torch.cuda.is_available():
        raise UserError(f"variants.{recipe.variant}.device: cuda given; torch finds no GPU here, which leaves cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with this
    torch.backends.cudnn.allow_tf32 = False  # torch's default for convolutions on GPUs, and not float32
