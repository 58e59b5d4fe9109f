import gzip
import hashlib
import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from mnist_study.core.errors import UserError
from mnist_study.download import contents as delivered
from mnist_study.download import sources
from tests.support.downloads import FILES, _world, contents, fetch, folder, reasons, server, target

__all__ = ["_world", "folder", "server", "target"]

pytestmark = pytest.mark.faults


def test_mirrors_default_to_those_of_torchvision(monkeypatch):
    stand_in = SimpleNamespace(mirrors=["http://one.invalid/", "file:///two/"])
    monkeypatch.setitem(sys.modules, "torchvision.datasets", SimpleNamespace(MNIST=stand_in))  # quicker to import
    names = [name for name, _ in sources.each(["npm", "mirrors", "folder", "https://me@own/a/"], [], None)]
    assert names == ["npm", "mirror one.invalid", "mirror file:///two/", "folder", "mirror own"]


@pytest.mark.parametrize("packed", [False, True])
def test_folder_delivers(target, folder, packed):
    if packed:
        for name, data in FILES.items():
            (folder / name).unlink()
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
    assert fetch(target, ["folder"], seconds=30) == "folder"
    assert contents(target) == FILES
    assert len(contents(folder)) == 4  # the user's own copy stays


def test_folder_fails(target, folder, monkeypatch):
    (folder / "t10k-labels-idx1-ubyte").write_bytes(b"")
    (line,) = reasons(target, "folder")
    assert line.startswith("folder: wrong SHA-256 for t10k-labels-idx1-ubyte: got e3b0c442…")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert reasons(target, "folder") == ["folder: t10k-labels-idx1-ubyte is missing"]
    monkeypatch.setenv("MNIST_DIR", "/nowhere")
    assert reasons(target, "folder") == ["folder: MNIST_DIR is /nowhere, which is not a folder"]
    monkeypatch.delenv("MNIST_DIR")
    assert reasons(target, "folder") == ["folder: the environment variable MNIST_DIR is not set"]


def test_target_is_replaced_by_good_files_only(target, folder):
    target.mkdir(parents=True)
    (target / "before").write_bytes(b"x")
    (folder / "t10k-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(UserError):
        fetch(target, ["folder"], seconds=30)
    assert contents(target) == {"before": b"x"}
    (folder / "t10k-labels-idx1-ubyte").write_bytes(FILES["t10k-labels-idx1-ubyte"])
    fetch(target, ["folder"], seconds=30)
    assert contents(target) == FILES


def test_target_comes_back_when_the_move_fails(target, folder, monkeypatch):
    target.mkdir(parents=True)
    (target / "before").write_bytes(b"x")
    rename = Path.rename

    def failing(self, other):
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(UserError, match=r"mnist: cannot be written \(No space left on device\)"):
        fetch(target, ["folder"], seconds=30)
    assert contents(target) == {"before": b"x"}


def test_target_that_cannot_be_written(tmp_path, folder):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"mnist: cannot be written"):
        fetch(tmp_path / "file" / "mnist", ["folder"], seconds=30)


def test_no_source(target):
    assert reasons(target) == []


def test_reason_is_one_short_line():
    assert delivered.reason(OSError("a\nb\x1b[31m\r" + "c" * 999)) == "a b[31m " + "c" * 392
    assert delivered.reason(RecursionError()) == "RecursionError"


def test_mirror_delivers_after_others_failed(target, server, capsys):
    manners = ["missing", "page", "short", "other", "loop", "good"]
    source = fetch(target, ["mirrors"], seconds=30, mirrors=[f"{server}{manner}/" for manner in manners])
    name = f"mirror {server.split('/')[2]}"
    assert source == name
    assert contents(target) == FILES
    got = hashlib.sha256(b"something else").hexdigest()[:8]
    expected = hashlib.sha256(FILES["train-images-idx3-ubyte"]).hexdigest()[:8]
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: HTTP 404",
        f"{name}: train-images-idx3-ubyte.gz is not a whole gzip file",
        f"{name}: train-images-idx3-ubyte.gz is not a whole gzip file",
        f"{name}: wrong SHA-256 for train-images-idx3-ubyte: got {got}…, expected {expected}…",
        f"{name}: HTTP 302, a redirect to nowhere",
    ]


def test_hanging_and_closed_mirrors(target, server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"127.0.0.1:{taken.getsockname()[1]}"
    began = time.monotonic()
    mirrors = [f"{server}hang/", f"http://user:secret@{closed}/"]
    hanging, refused = reasons(target, "mirrors", seconds=1, mirrors=mirrors)
    assert hanging == f"mirror {server.split('/')[2]}: timed out after 1 s"
    assert refused.startswith(f"mirror {closed}: ")  # and without the password
    assert time.monotonic() - began < 20
