"""params.yaml of any content ends in a plan or in lines that name it, whatever hypothesis makes up."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mnist_study.core.errors import UserError
from tests.configure.test_params import GOOD, read

pytestmark = pytest.mark.faults

KEYS = sorted({word.strip("{}:,[]") for word in GOOD.split() if word.endswith(":")})
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(KEYS) | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | scalars, inner, max_size=3),
)


@pytest.fixture(scope="module")
def file():
    with TemporaryDirectory() as folder:
        yield Path(folder) / "params.yaml"


def load(file: Path) -> None:
    with suppress(UserError):
        read(file)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every key of the file, with those above it."""
    inner = (
        [place for key, value in content.items() for place in places(value, (*path, key))]
        if (isinstance(content, dict))
        else []
    )
    return [path, *inner] if path else inner


PLACES = places(YAML(typ="safe", pure=True).load(GOOD))


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), st.none() | st.text(max_size=8), values), max_size=3))
def test_any_change_of_a_good_file_is_told_or_taken(file: Path, changes: list[tuple[Any, Any, Any]]):
    """A key's value is replaced, or a key is added beside it."""
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(GOOD)
    for (*sections, last), added, value in changes:
        section = content
        for key in sections:
            section = section.get(key) if isinstance(section, dict) else None
        if isinstance(section, dict):
            section[last if added is None else added] = value
    yaml.dump(content, file)
    load(file)


@settings(deadline=None, max_examples=50)
@given(start=st.integers(0, len(GOOD)), length=st.integers(0, 20), put=st.text(max_size=8) | st.binary(max_size=8))
def test_any_damage_of_a_good_file_is_told_or_taken(file: Path, start: int, length: int, put: str | bytes):
    new = put if isinstance(put, bytes) else put.encode("utf-8", "surrogatepass")
    file.write_bytes(GOOD[:start].encode() + new + GOOD[start + length :].encode())
    load(file)


@settings(deadline=None, max_examples=50)
@given(data=st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_anything_at_all_is_told(file: Path, data: bytes):
    file.write_bytes(data)
    load(file)
