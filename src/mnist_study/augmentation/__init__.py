"""Augmentation in integers: a kind a file, found by its name.

A kind has `PARAMETERS`, the names of what is drawn for each image; `ORDER`, since lower kinds are applied first; and
`apply`, a function of pixels and of what was drawn. 0 changes nothing, or 1 for a name in `NEUTRAL`.

Training depends on this file alone. The policy's file has the SHA-256 of each kind that it uses, so an edit of a kind
makes only its users stale, and a new kind nobody.
"""

import hashlib
import pkgutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from torch import Tensor

from mnist_study.core.arithmetic.pixels import STEPS
from mnist_study.core.arithmetic.random_words import key, uniform
from mnist_study.core.errors import UserError
from mnist_study.core.policy import Policy


def augment(images: Tensor, numbers: Tensor, policy: Policy, seed: int, epoch: int) -> Tensor:
    """Turn uint8 images [N, H, W] into pixels, int64 from 0 to WHITE; a kind that changes nothing is skipped.

    Each parameter is uniform in its range, drawn by (seed, epoch, its name, the image's number).
    """
    pixels = images.long() * STEPS
    for kind in load(policy):
        if policy.varies(*kind.PARAMETERS):
            drawn = {name: _draw(name, policy, numbers, seed, epoch) for name in kind.PARAMETERS}
            pixels = kind.apply(pixels, drawn, numbers, seed, epoch)
    return pixels


def _draw(name: str, policy: Policy, numbers: Tensor, seed: int, epoch: int) -> Tensor:
    low, high = policy.ends(name)
    return low + (high - low) * uniform(key("augmentation", seed, epoch, name), numbers)


def load(policy: Policy) -> list[ModuleType]:
    """Import the policy's kinds in the order in which they are applied.

    Raises UserError where one cannot be imported, and for a range that belongs to none of them.
    """
    kinds = sorted(map(_import, policy.kinds), key=lambda kind: (kind.ORDER, kind.__name__))
    known = {name for kind in kinds for name in kind.PARAMETERS}
    for name in policy.ranges:
        if policy.varies(name) and name not in known:
            given = ", ".join(policy.kinds) or "none"
            raise UserError(f"augmentation: {name} given, which none of the policy's kinds has ({given})")
    return kinds


def with_kinds(policy: Policy) -> Policy:
    """Give the policy with the kinds that it uses, each by its name with the SHA-256 of its file.

    Raises UserError for a file that is no kind, and for a range that belongs to no kind.
    """
    kinds = [_import(module.name) for module in pkgutil.iter_modules(__path__)]
    used = [Path(str(kind.__file__)) for kind in kinds if policy.varies(*kind.PARAMETERS)]
    policy = replace(policy, kinds={path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in used})
    load(policy)
    return policy


def _import(name: str) -> ModuleType:
    try:
        kind = import_module(f"{__name__}.{name}")
    except Exception as error:  # whatever the file of a new kind may do
        raise UserError(f"augmentation/{name}.py: cannot be imported ({type(error).__name__}: {error})") from error
    for part in ("ORDER", "PARAMETERS", "apply"):
        if not hasattr(kind, part):
            raise UserError(f"augmentation/{name}.py: has no {part}, so it is no kind of augmentation")
    return kind
