"""Error messages of params.yaml: the key, what was given, what is allowed, and the name that was probably meant."""

import difflib
import reprlib
from collections.abc import Iterable
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

LONGEST_VALUE = 60  # characters of a given value that an error repeats
LONGEST_LINE = 1000

_repr = reprlib.Repr()  # bounded: a few lines of YAML aliases can expand to a billion values
_repr.maxstring = _repr.maxother = _repr.maxlong = 2 * LONGEST_VALUE
_repr.maxlist = _repr.maxdict = 20
_repr.maxlevel = 3


def shown(given: object) -> str:
    """Write a value, shortened where it is long."""
    text = _repr.repr(given)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def one_line(text: str) -> str:
    """Escape line breaks and control characters, and shorten a long line."""
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"


def allowed(given: str, names: Iterable[str]) -> str:
    """Give `; allowed: a, b` and, where a name is close to what was given, `; did you mean a?`."""
    names = list(names)
    near = difflib.get_close_matches(given[:LONGEST_VALUE], names, n=1)
    return f"; allowed: {', '.join(names) or 'none'}" + (f"; did you mean {near[0]}?" if near else "")


def explain(detail: ErrorDetails, model: type[BaseModel], prefix: str = "") -> str:
    """Turn one of pydantic's errors into a line."""
    key = ".".join([prefix, *(str(part) for part in detail["loc"])]).removeprefix(".")
    if detail["type"] == "missing":
        return f"{key}: missing"
    if detail["type"] == "extra_forbidden":
        keys = _fields(model, detail["loc"][:-1])
        return f"{key}: unknown key{allowed(str(detail['loc'][-1]), keys)}"
    rule = detail["msg"].removeprefix("Value error, ").replace("Input should be", "allowed is")
    rule = rule.replace("valid dictionary or instance of", "mapping as in").replace("valid dictionary", "mapping")
    rule = rule.replace("should have", "must have").replace(" after validation", "")
    rule = rule.replace("String should match pattern", "allowed is a text of the pattern")
    return f"{key}: {shown(detail['input'])} given; {rule}"


def _fields(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Give the keys of the section at `loc`."""
    for part in loc:
        field = model.model_fields.get(str(part))
        inner = [field.annotation, *get_args(field.annotation)] if field else []
        model = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
    return list(model.model_fields)
