from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mnist_study.core.errors import UserError
from mnist_study.core.mnist import read_idx

shapes = arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)


@pytest.fixture(scope="module")
def file():
    with TemporaryDirectory() as folder:
        yield Path(folder) / "file"


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@settings(deadline=None)  # a busy machine is no failure
@given(array=arrays.arrays(np.uint8, shapes))
def test_any_array_comes_back(file, array):
    file.write_bytes(idx(array))
    read = read_idx(file, dimensions=array.ndim).numpy()
    assert read.dtype == np.uint8
    assert read.shape == array.shape
    assert (read == array).all()


@st.composite
def damaged(draw):
    """An IDX file of three dimensions with some bytes cut out and others put in their place."""
    data = idx(draw(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=4))))
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 8)))
    return data[:start] + draw(st.binary(max_size=8)) + data[end:]


@pytest.mark.faults
@settings(deadline=None)
@given(data=damaged() | st.binary(max_size=64))
def test_any_damage_is_told_or_read_as_it_stands(file, data):
    file.write_bytes(data)
    read = None
    with suppress(UserError):
        read = read_idx(file, dimensions=3).numpy()
    assert read is None or idx(read) == data  # what is read was a whole IDX file all the same
