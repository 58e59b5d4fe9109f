"""How an error ends: with what is allowed, and the name that was probably meant."""

import difflib
from collections.abc import Iterable


def allowed(given: str, names: Iterable[str]) -> str:
    """Give `; allowed: a, b` and, where a name is close to what was given, `; did you mean a?`."""
    names = list(names)
    near = difflib.get_close_matches(given, names, n=1)
    return f"; allowed: {', '.join(names) or 'none'}" + (f"; did you mean {near[0]}?" if near else "")
