"""Vega, which draws the pages of `dvc plots`, from npm into a folder: checked, each file whole or not at all."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.download import contents
from mnist_study.download.contents import SourceError
from mnist_study.download.sources import npm_pack
from mnist_study.tools import dvc

# The versions that DVC's own page asks for, and the SHA-256 of the one file that it needs of each.
PACKAGES = {
    "vega@5.20.2": "4794d0169cb1f3ebad8117fe98ba5bd652dd725905ec0384e832391dbccb03be",
    "vega-lite@5.2.0": "d73157451b3978015ab31dacd55ff90d986ab8663fc0abed50f97b3cd90002cb",
    "vega-embed@6.18.2": "1ba9826431ddc9805e815ad92acc811c819f2bfd32bda2a128b8c4b5070fab5e",
}
SECONDS = 120  # for npm, all three packages together
ADVICE = "without it, the page of `dvc plots show` takes Vega from the network"


def draw() -> int:
    """Write dvc_plots/index.html, which holds all that it needs; give the exit status of `dvc plots show`."""
    fetch(Path("dvc_plots/vega"))
    return dvc.call("plots", "show")


def fetch(folder: Path) -> list[str]:
    """Put what is not there yet, or not as it should be, into the folder; give the packages that were fetched."""
    missing = [package for package in PACKAGES if not _sound(package, folder)]
    if missing:
        with TemporaryDirectory(prefix="vega-") as work:
            try:
                npm_pack(missing, Path(work), SECONDS)
            except SourceError as error:
                raise UserError(f"npm could not fetch {', '.join(missing)}: {error}; {ADVICE}") from None
            fetched = {_file(package): _content(package, Path(work)) for package in missing}
        for name, content in fetched.items():
            files.write(folder / name, content)
    return missing


def _file(package: str) -> str:
    return f"{package.partition('@')[0]}.min.js"


def _sound(package: str, folder: Path) -> bool:
    path = folder / _file(package)
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == PACKAGES[package]


def _content(package: str, work: Path) -> bytes:
    tarball, member = work / f"{package.replace('@', '-')}.tgz", f"package/build/{_file(package)}"
    try:
        content = contents.members(tarball, [member])[member]
    except (OSError, KeyError, SourceError):
        raise UserError(f"{package} has no {member}; {ADVICE}") from None
    if hashlib.sha256(content).hexdigest() != PACKAGES[package]:
        raise UserError(f"{package}: wrong SHA-256 for {member}; {ADVICE}")
    return content
