"""What a worker on another machine needs to train: the tree of a commit, and the few files that stages made of it."""

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_study.core.errors import UserError
from mnist_study.tools import git

WRITTEN = ("dvc.lock", "metrics", "reports", ".dvc/store")  # by the pipeline itself; no worker needs them
INPUTS = ("build/recipes", "data/mnist", "data/transforms", ".dvc/config.local")
REF = "refs/mnist-study/sent"
NOBODY = {f"GIT_{who}_{what}": "study" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Payload:
    """A git bundle of one commit without history, an archive of the inputs, and a name that only these two have."""

    bundle: bytes
    inputs: bytes
    name: str


def check(dirty: bool) -> None:
    """Raise UserError naming the files that a commit lacks, unless they are to be taken along."""
    excluded = [f":(exclude){name}" for name in WRITTEN]
    lines = git.run("status", "--porcelain", "--no-renames", "-z", "--", ".", *excluded).split("\0")
    if (names := [line[3:] for line in lines if line]) and not dirty:
        raise UserError(f"uncommitted: {', '.join(names)}; commit them, or take them along with DIRTY=1")


def pack() -> Payload:
    """Pack what the working tree holds, committed or not; index and branches stay as they are."""
    with TemporaryDirectory() as folder:
        scratch = {"GIT_INDEX_FILE": f"{folder}/index", **NOBODY}
        git.run("read-tree", "HEAD", env=scratch)
        git.run("add", "--all", env=scratch)
        git.run("rm", "-r", "--cached", "--quiet", "--ignore-unmatch", *WRITTEN, env=scratch)
        tree = git.run("write-tree", env=scratch).strip()
        commit = git.run("commit-tree", tree, "-m", "sent to a cluster", env=scratch).strip()
        git.run("update-ref", REF, commit)
        try:
            git.run("bundle", "create", "--quiet", f"{folder}/bundle", REF)
        finally:
            git.run("update-ref", "-d", REF)
        bundle = (Path(folder) / "bundle").read_bytes()
    inputs = archive(Path(name) for name in INPUTS if Path(name).exists())
    return Payload(bundle, inputs, hashlib.sha256(tree.encode() + inputs).hexdigest()[:12])


def archive(paths: Iterable[Path]) -> bytes:
    """Give a tar of files and folders, the same bytes for the same contents."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.mtime = info.uid = info.gid = 0
        info.uname = info.gname = ""
        return info

    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path in paths:
            tar.add(path, filter=plain)
    return file.getvalue()


def unpack(payload: Payload, folder: Path) -> None:
    """Make the folder a checkout with all that was packed. Raises OSError where the disk or git refuses."""
    folder.mkdir(parents=True)
    (folder / ".bundle").write_bytes(payload.bundle)
    try:
        git.run("init", "--quiet", folder=folder)
        git.run("fetch", "--quiet", ".bundle", REF, folder=folder)
        git.run("checkout", "--quiet", "--detach", "FETCH_HEAD", folder=folder)
    except UserError as error:
        raise OSError(str(error)) from None  # that of this machine; another one may do
    (folder / ".bundle").unlink()
    with tarfile.open(fileobj=io.BytesIO(payload.inputs)) as tar:
        tar.extractall(folder, filter="data")
