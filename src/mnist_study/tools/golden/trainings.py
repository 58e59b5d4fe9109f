"""Steps and short trainings of whole networks, each known by the SHA-256 of all that it changes."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mnist_study import architectures
from mnist_study.augmentation import augment, with_kinds
from mnist_study.core.arithmetic import network, optimiser, scoring, step
from mnist_study.core.arithmetic.pixels import normalised
from mnist_study.core.policy import Policy, Range
from mnist_study.core.recipe import Recipe
from mnist_study.tools.golden.made import images
from mnist_study.tools.golden.operations import SCHEDULES
from mnist_study.train.loop import train

NETWORKS = {
    "vanilla": ("vanilla", {}),
    "dropout": ("dropout", {"dropout": 0.05}),
    "transition_fc": ("transition_fc", {"dropout": 0.05}),
    "transition": ("transition", {"dropout": 0.05}),
    "two_pool": ("two_pool", {"dropout": 0.04}),
    "one_pool": ("one_pool", {"dropout": 0.04}),
    "champion": ("champion", {}),
    "champion again": ("champion", {"layout": "8 pool 12x1 12 again pool 16"}),
}
POLICIES: dict[str, dict[str, Range]] = {
    "plain": {},
    "rotate": {"rotation": (-7.0, 7.0)},
    "affine_jitter": {
        "rotation": (-7.0, 7.0),
        "translation_x": (-0.08, 0.08),
        "scale": (0.9, 1.1),
        "contrast": (0.8, 1.2),
    },
    "noise_and_blur": {"noise": (0.0, 0.2), "blur": (0.0, 0.8), "brightness": (0.8, 1.2)},
}
BASE = Recipe(
    variant="golden",
    architecture="two_pool",
    model={},
    augmentation="plain",
    scheduler="constant",
    scheduler_options={},
    batch_size=16,
    epochs=2,
    seeds=(0,),
    lr=0.05,
    momentum=0.9,
    nesterov=False,
    weight_decay=0.0,
    label_smoothing=0.0,
    ema=0.0,
    anneal_epochs=0,
    anneal_strength=1.0,
    engine="exact",
    device="cpu",
    validation=0,
)
TRAININGS = {
    **{f"schedule {name}": {"scheduler": name, "scheduler_options": o} for name, o in SCHEDULES.items()},
    **{f"policy {name}": {"augmentation": name} for name in POLICIES},
    "nesterov, decay, smoothing, average, annealing": {
        "nesterov": True,
        "weight_decay": 1e-3,
        "label_smoothing": 0.1,
        "ema": 0.9,
        "anneal_epochs": 1,
        "augmentation": "rotate",
    },
}


def computed(device: str = "cpu") -> Iterator[tuple[str, str]]:
    """Give each step and training by name with its SHA-256, one after another."""
    for name, (architecture, options) in NETWORKS.items():
        yield f"step {name}", one_step(architecture, options, device)
    for name, changes in TRAININGS.items():
        yield f"training {name}", one_training(replace(BASE, **changes), device)


def one_step(architecture: str, options: dict[str, object], device: str) -> str:
    """Hash the logits, gradients and running statistics of one step with five images."""
    model = architectures.build(architecture, **options)
    optimiser.initialise(model, 0)
    model.to(device)
    known, split, numbers = network.read(model), images("step", 5).to(device), torch.arange(5, device=device)
    pixels = augment(split.images, numbers, policy("affine_jitter"), 0, 1)
    batch = step.Batch(*normalised(pixels, 0.1307, 0.3081), split.labels, numbers)
    result = step.forward_backward(known, batch, step.dropout_keys(known, 0, 1), 0.0)
    gradients = [result.gradients[parameter] for parameter in model.parameters()]
    logits = scoring.logits(known, split.images, 0.1307, 0.3081)
    return sha256([logits, result.losses, *gradients, *model.buffers()])


def one_training(recipe: Recipe, device: str) -> str:
    """Hash the weights after two epochs of 24 images, the last batch of which is short."""
    model = architectures.build(recipe.architecture, **recipe.model).to(device)
    split = images("training", 24).to(device)
    trained, _ = train(model, recipe, 0, policy(recipe.augmentation), split, {}, lambda progress: None)
    return sha256(trained.state_dict().values())


def policy(name: str) -> Policy:
    """Give one of `POLICIES`."""
    return with_kinds(Policy(0.1307, 0.3081, POLICIES[name]))


def sha256(tensors: Iterable[Tensor]) -> str:
    """Hash the bytes of tensors, little end first; -0 counts as 0."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update((tensor.detach().cpu() + 0).contiguous().numpy().tobytes())
    return digest.hexdigest()
