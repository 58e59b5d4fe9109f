import numpy as np
import pytest
import torch

from mnist_study.core import mnist
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import Split, hold_out, read_idx


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "some-idx3-ubyte"


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def test_read_idx(file):
    file.write_bytes(idx(IMAGES))
    images = read_idx(file, dimensions=3)
    assert images.dtype == torch.uint8
    assert images.tolist() == IMAGES.tolist()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an IDX file of bytes in 3 dimensions"),
        (idx(IMAGES)[:15], "not an IDX file of bytes in 3 dimensions"),
        (b"\x00\x00\x09\x03" + idx(IMAGES)[4:], "not an IDX file of bytes in 3 dimensions"),
        (idx(IMAGES[0]), "not an IDX file of bytes in 3 dimensions"),
        (b"<!doctype html><title>Not found</title>", "not an IDX file of bytes in 3 dimensions"),
        (idx(IMAGES)[:-1], "39 bytes where its header [2, 3, 4] asks for 40"),
        (idx(IMAGES) + b"!", "41 bytes where its header [2, 3, 4] asks for 40"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, f"asks for {(2**32 - 1) ** 3 + 16}"),
        (
            b"\x00\x00\x08\x03" + b"\xff" * 8 + b"\x00" * 4,
            f"[{2**32 - 1}, {2**32 - 1}, 0] describes no array",
        ),
    ],
)
def test_read_idx_refuses(file, data, reason):
    file.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_idx(file, dimensions=3)
    assert str(caught.value).startswith(f"{file}: ")
    assert str(caught.value).endswith(reason)


def test_read_idx_of_no_file(file):
    with pytest.raises(UserError, match=r"cannot be read \(No such file or directory\); `dvc repro download`"):
        read_idx(file, dimensions=3)
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)"):
        read_idx(file.parent, dimensions=3)


@pytest.mark.parametrize(("read", "prefix"), [(mnist.training_split, "train"), (mnist.test_split, "t10k")])
def test_splits(tmp_path, read, prefix):
    labels = np.array([7, 9], np.uint8)
    (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels))
    split = read(tmp_path)
    assert len(split) == 2
    assert split.images.shape == (2, 3, 4)
    assert split.labels.dtype == torch.int64
    assert split.labels.tolist() == [7, 9]
    (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels[:1]))
    with pytest.raises(UserError, match=f"2 {prefix} images but 1 labels"):
        read(tmp_path)


@pytest.mark.parametrize("count", [0, 1, 30, 100])
def test_hold_out(count):
    labels = torch.arange(100)
    split = Split(labels.to(torch.uint8).reshape(100, 1, 1).expand(100, 2, 2), labels)
    rest, held_out = hold_out(split, count)
    assert len(held_out) == count
    assert sorted(rest.labels.tolist() + held_out.labels.tolist()) == labels.tolist()  # disjoint, complete
    for part in (rest, held_out):
        assert part.images[:, 0, 0].tolist() == part.labels.tolist()  # images keep their labels
    torch.manual_seed(5)
    assert [part.labels.tolist() for part in hold_out(split, count)] == [
        rest.labels.tolist(),
        held_out.labels.tolist(),
    ]


def test_hold_out_is_the_same_in_every_process():
    _, held_out = hold_out(Split(torch.zeros(100, 1, 1, dtype=torch.uint8), torch.arange(100)), 5)
    assert held_out.labels.tolist() == [0, 23, 27, 30, 32]
