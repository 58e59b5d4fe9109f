"""One of the networks: what it begins with, where its checkpoint is, and what it leaves. The loop does the rest."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mnist_study import architectures
from mnist_study.core import weights
from mnist_study.core.arithmetic import VERSION, network, optimiser
from mnist_study.core.mnist import Split
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.train import environment, loop
from mnist_study.train.checkpoint import Checkpoint, State, identity
from mnist_study.train.messages import Replica


@dataclass(frozen=True)
class Training:
    """One seed of one recipe; its state is on the processor, and changes when all of an epoch is done."""

    recipe: Recipe
    seed: int
    policy: Policy
    state: State
    checkpoint: Checkpoint | None

    @classmethod
    def begin(
        cls,
        recipe: Recipe,
        seed: int,
        policy: Policy,
        training: Split,
        observed: dict[str, Split],
        path: Path | None,
        note: Callable[[str], None],
    ) -> "Training":
        """Draw the initial weights, or resume from the file, which may be that of a training on a processor.

        Raises UserError where the arithmetic does not define the network.
        """
        model = architectures.build(recipe.architecture, **recipe.model)
        network.of_variant(model, recipe.variant)
        optimiser.initialise(model, seed)
        state = loop.begin(model, recipe, recipe.epochs * math.ceil(len(training) / recipe.batch_size))
        if path is None:
            return cls(recipe, seed, policy, state, None)
        named = identity(replace(recipe, device="cpu"), seed, policy, {"training": training, **observed})
        checkpoint = Checkpoint(path, named, note)
        checkpoint.restore(state)
        return cls(recipe, seed, policy, state, checkpoint)

    @property
    def epochs(self) -> int:
        """Count the epochs that are done."""
        return len(self.state.history)

    def replica(self) -> Replica:
        """Give what `train.replica.train_one` gives."""
        state = self.state
        return Replica(
            seed=self.seed,
            weights=weights.pack(state.average or state.model, {"arithmetic": str(VERSION)}),
            history=state.history,
            parameters=architectures.count_parameters(state.model),
            engine="exact",
            precision=f"integers, version {VERSION}",
            environment=environment.describe(self.recipe.device),
        )
