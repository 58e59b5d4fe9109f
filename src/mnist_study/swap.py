"""Move files and folders to their places, all of them or none."""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def put_in_place(new: Mapping[Path, Path], aside: Path) -> None:
    """Move each file or folder to its place, given by place; what was there moves to the folder `aside`.

    All are on one file system. Where a move fails or is interrupted, all is put back as it was, and OSError or the
    interruption is raised. A place that another process filled meanwhile stays filled: ENOTEMPTY or EEXIST.
    """
    aside.mkdir()
    moves = [(place, source, aside / str(number)) for number, (place, source) in enumerate(new.items())]
    for place, source, _ in moves:
        if place.is_dir() and not source.is_dir():  # whose folder is it? not ours to move away
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
    try:
        for place, source, old in moves:
            with suppress(FileNotFoundError):  # nothing there, or another process moved it away
                place.rename(old)
            source.rename(place)
    except BaseException:
        for place, source, old in moves:
            if not os.path.lexists(source):
                place.rename(source)
            if os.path.lexists(old) and not os.path.lexists(place):
                old.rename(place)
        raise
