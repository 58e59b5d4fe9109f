"""From params.yaml to the files that the other stages read, all in memory."""

from pathlib import Path

from mnist_study.configure import describe, document, networks, params
from mnist_study.configure.params import Plan
from mnist_study.core.errors import UserError


def read(path: Path) -> Plan:
    """Read params.yaml and `check` it."""
    return check(document.read(path), path.name)


def check(raw: object, file: str) -> Plan:
    """Check the content of params.yaml against the architectures at hand.

    Raises UserError with a line for every mistake, each beginning with `file`.
    """
    architectures = {name: describe.options(name) for name in describe.architecture_names()}
    plan = params.check(raw, file, architectures, describe.count_parameters)
    mistakes = describe.undefined_networks(plan.recipes)
    if mistakes:
        raise UserError("\n".join(f"{file}: {mistake}" for mistake in mistakes))
    return plan


def texts(plan: Plan) -> dict[str, str]:
    """Give the text of every file of the folder build/, by its path in there."""
    return plan.files() | {"networks.json": networks.to_json(describe.networks(plan.recipes, plan.data.side))}
