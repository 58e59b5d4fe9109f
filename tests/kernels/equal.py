"""Hold kernels against the reference, bit for bit; as a program, for the processor that MNIST_STUDY_TARGET names."""

import copy

import torch
from torch import nn

from mnist_study import architectures, kernels
from mnist_study.augmentation import augment, with_kinds
from mnist_study.core.arithmetic import network, optimiser, step
from mnist_study.core.arithmetic.random_words import Key
from mnist_study.core.arithmetic.reference import Reference
from mnist_study.core.policy import Policy
from mnist_study.kernels.network import Scoring, Training
from mnist_study.tools.golden import trainings
from mnist_study.tools.golden.made import images

MEAN, SD = 0.1307, 0.3081
POLICY = with_kinds(Policy(MEAN, SD, trainings.POLICIES["affine_jitter"]))


def differences(
    model: nn.Sequential, count: int, side: int, classes: int, *, steps: int = 1, decay: float = 0.0
) -> list[str]:
    """Train the model and a copy of it for some steps; name what differs: gradients, losses, weights, logits."""
    other = copy.deepcopy(model)
    mine, theirs = network.read(model), network.read(other)
    reason = kernels.unsupported(mine, (side, side), torch.device("cpu"))
    assert reason is None, reason
    reference, training = Reference(mine, MEAN, SD), Training(theirs, side, count, MEAN, SD)
    names = {parameter: name for name, parameter in model.named_parameters()}
    pairs = list(zip(model.parameters(), other.parameters(), strict=True))
    optimisers = [optimiser.Optimiser(each.parameters(), 0.9, decay, nesterov=decay > 0) for each in (model, other)]
    averages = copy.deepcopy(model), copy.deepcopy(other)
    found = []
    for number in range(steps):
        taken = max(1, count - (0, 1, 16)[number % 3])  # the last batch may be smaller
        split, numbers = images(f"step {number}", taken, side, classes), 7 * torch.arange(taken)
        pixels = augment(split.images, numbers, POLICY, 0, 1)
        dropout: list[Key] = step.dropout_keys(mine, 0, number)
        expected = reference.forward_backward(pixels, split.labels, numbers, dropout, 0.1)
        result = training.forward_backward(pixels.short(), split.labels, numbers, dropout, 0.1)
        found += [] if torch.equal(expected.losses, result.losses) else ["losses"]
        found += [] if torch.equal(expected.diverged, result.diverged) else ["diverged"]
        found += [names[a] for a, b in pairs if not torch.equal(expected.gradients[a], result.gradients[b])]
        reference.descend(optimisers[0], expected.gradients, taken, 0.05)
        training.descend(optimisers[1], result.gradients, taken, 0.05)
        reference.average(averages[0], model, 0.9, first=number == 0)
        training.average(averages[1], other, 0.9, first=number == 0)
    for one, two in ((model, other), averages):
        for (name, a), b in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
            found += [] if torch.equal(a, b) else [name]
    for a, b in pairs:
        found += [] if torch.equal(optimisers[0].buffers[a], optimisers[1].buffers[b]) else [f"momentum of {names[a]}"]
    scored = images("scored", 20, side, classes).images
    logits = Scoring(theirs, side, 16, MEAN, SD).logits(scored)
    return found if torch.equal(logits, reference.logits(scored)) else [*found, "logits"]


def all_different(steps: int = 1) -> dict[str, list[str]]:
    """Compare the networks of the golden vectors; name those that differ."""
    found = {}
    for name, (architecture, options) in trainings.NETWORKS.items():
        model = architectures.build(architecture, **options)
        optimiser.initialise(model, 0)
        decay = 0.01 if architecture == "champion" else 0.0
        if different := differences(model, 19, 28, 10, steps=steps, decay=decay):
            found[name] = different
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(all_different())
