"""What differs between two revisions; unchanged things are left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnist_study.tools.review.noise import Verdict


@dataclass(frozen=True)
class Change:
    """A parameter or metric before and after, None where it is not there.

    `test` names the significance test, "" where there is none; `p` is its p value, adjusted once there is a verdict.
    """

    key: str
    before: Any
    after: Any
    variant: str = ""
    test: str = ""
    p: float | None = None
    verdict: Verdict | None = None


def changes(before: Mapping[str, Any], after: Mapping[str, Any], variant: str = "") -> list[Change]:
    """List the keys, joined by dots, whose values differ: those of `after` in its order, then those that are gone."""
    old, new = flat(before), flat(after)
    keys = [*new, *(key for key in old if key not in new)]
    return [Change(key, old.get(key), new.get(key), variant) for key in keys if old.get(key) != new.get(key)]


def parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """List the changed parameters, but not those of variants that are new or gone."""
    old, new = before.get("variants", {}), after.get("variants", {})
    both = old.keys() & new.keys()
    kept_old, kept_new = (
        dict(side) | {"variants": {name: entry for name, entry in variants.items() if name in both}}
        for side, variants in ((before, old), (after, new))
    )
    return changes(kept_old, kept_new)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested mappings as one, keys joined by dots; an empty mapping is a value."""
    found = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
