"""Short trainings of every architecture, known by the SHA-256 of their weights.

`trained` is `lockstep.loop` without what needs more than torch and numpy: checkpoints, scores, messages.
"""

import copy
import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mnist_study import architectures, kernels
from mnist_study.core.arithmetic import optimiser, step
from mnist_study.core.arithmetic.random_words import key, order
from mnist_study.core.arithmetic.schedules import Schedule
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.lockstep.networks import Networks
from mnist_study.tools.golden.made import images

CONSTANTS = Path("reference/gpu_check.json")
SEEDS, EPOCHS, IMAGES, MEAN, SD = (0, 1), 2, 40, 0.1307, 0.3081
LAYOUT = "14 14 again again pool 20 20 again again pool 26 26 again again"
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "vanilla": ("vanilla", {}),
    "dropout": ("dropout", {}),
    "transition_fc": ("transition_fc", {}),
    "transition": ("transition", {}),
    "two_pool": ("two_pool", {}),
    "two_pool_dropout": ("two_pool", {"dropout": 0.04}),
    "one_pool": ("one_pool", {}),
    "one_pool_dropout": ("one_pool", {"dropout": 0.04}),
    "champion": ("champion", {"layout": LAYOUT}),
}
CHANGED = {"rotation": (-7.0, 7.0), "translation_x": (-0.08, 0.08), "scale": (0.9, 1.1), "contrast": (0.8, 1.2)}
POLICY = Policy(MEAN, SD, CHANGED, kinds={"affine": "", "contrast": ""})


def recipe(name: str, device: str) -> Recipe:
    """Give a recipe in which everything is switched on; the last of an epoch's batches is short."""
    architecture, options = NETWORKS[name]
    one_cycle = {"pct_start": 0.3, "div_factor": 25, "final_div_factor": 10000}
    return Recipe(
        variant=name,
        architecture=architecture,
        model=options,
        augmentation="affine",
        scheduler="one_cycle",
        scheduler_options=one_cycle,
        batch_size=16,
        epochs=EPOCHS,
        seeds=SEEDS,
        lr=0.05,
        momentum=0.9,
        nesterov=True,
        weight_decay=0.0005,
        label_smoothing=0.1,
        ema=0.9,
        anneal_epochs=0,
        anneal_strength=1.0,
        engine="exact",
        device=device,
        validation=0,
    )


def plain_recipe(name: str, device: str, batch: int) -> Recipe:
    """Give a recipe as the study's rows have: SGD with momentum and nothing else."""
    off = {"nesterov": False, "weight_decay": 0.0, "label_smoothing": 0.0, "ema": 0.0}
    return replace(recipe(name, device), batch_size=batch, **off)


def trained(recipe: Recipe) -> list[str]:
    """Train the recipe's seeds side by side; hash the averaged weights of each."""
    model, split, device = (
        architectures.build(recipe.architecture, **recipe.model),
        made().to(recipe.device),
        recipe.device,
    )
    size, total = recipe.batch_size, len(split)
    networks = Networks(model, recipe, MEAN, SD, len(recipe.seeds), split.images.shape[2], {size, total % size or size})
    schedule = Schedule(
        recipe.scheduler, recipe.scheduler_options, recipe.lr, recipe.epochs * -(-total // recipe.batch_size)
    )
    momentum, average = torch.zeros(networks.momentum.shape[1]), copy.deepcopy(model)
    for number, seed in enumerate(recipe.seeds):
        optimiser.initialise(model, seed)
        networks.put(number, model, average, momentum)
    taken = 0
    for epoch in range(1, recipe.epochs + 1):
        keys = [step.dropout_keys(networks.one.network, seed, epoch) for seed in recipe.seeds]
        networks.begin_epoch(torch.stack([torch.stack([torch.stack(pair) for pair in each]) for each in keys]))
        chosen = torch.stack([order(total, key("order", seed, epoch)) for seed in recipe.seeds]).to(device)
        for part in chosen.split(size, 1):
            pixels = [
                kernels.augment(split.images[each], each, POLICY, seed, epoch)
                for each, seed in zip(part, recipe.seeds, strict=True)
            ]
            schedule.before_step(taken)
            rates = torch.full((len(recipe.seeds),), schedule.rate, device=device)
            networks.step(torch.stack(pixels), split.labels[part], part, rates)
            if taken == 0:
                networks.begin_average()
            taken += 1
    hashes = []
    for number in range(len(recipe.seeds)):
        networks.take(number, model, average, momentum)
        hashes.append(sha256(average.state_dict().values()))
    return hashes


def made() -> Split:
    """Give the images, which a hash makes."""
    return images("gpu check", IMAGES)


def expected() -> dict[str, list[str]]:
    """Read the constants."""
    return json.loads(CONSTANTS.read_text())


def write() -> None:
    """Write the constants, as the training loop of single networks gives them on this processor."""
    from mnist_study.augmentation import with_kinds
    from mnist_study.train import loop

    constants = {}
    for name in NETWORKS:
        asked, found = recipe(name, "cpu"), []
        for seed in asked.seeds:
            model = architectures.build(asked.architecture, **asked.model)
            policy = replace(with_kinds(POLICY), mean=MEAN, sd=SD)
            average, _ = loop.train(model, asked, seed, policy, made(), {}, lambda progress: None)
            found.append(sha256(average.state_dict().values()))
        constants[name] = found
    CONSTANTS.write_text(json.dumps(constants, indent=1) + "\n")


def sha256(tensors: Iterable[Tensor]) -> str:
    """Hash the bytes of tensors, little end first."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
