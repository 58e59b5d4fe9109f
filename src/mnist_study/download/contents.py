"""Read the four files that a source delivered, within bounds, and check them; nothing else is unpacked."""

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

LIMIT = 2**30  # bytes: of what a source sends, of an unpacked tarball and of each file


Files = Mapping[str, Mapping[str, Any]]  # by the name in data/mnist: `name` at the sources, and `sha256`


class SourceError(Exception):
    """Why one source did not deliver, in a few words."""


def checked(folder: Path, wanted: Files) -> dict[str, bytes]:
    """Give the four files, plain or gzipped in the folder, by name; raises SourceError.

    What has no hash in `wanted` is not checked.
    """
    files = {}
    for name, file in wanted.items():
        found = next((path for path in (folder / file["name"], folder / f"{file['name']}.gz") if path.is_file()), None)
        if found is None:
            raise SourceError(f"{file['name']} is missing")
        files[name] = _contents(found)
        got = hashlib.sha256(files[name]).hexdigest()
        if file["sha256"] not in (got, None):
            raise SourceError(f"wrong SHA-256 for {file['name']}: got {got[:8]}…, expected {file['sha256'][:8]}…")
    return files


def members(tarball: Path, names: Collection[str]) -> dict[str, bytes]:
    """Give the files by these names, as far as the gzipped tarball has them; raises SourceError."""
    found, data = {}, _contents(tarball)
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                if member.name in names and member.isreg() and (content := tar.extractfile(member)):
                    found[member.name] = content.read(LIMIT)
    except Exception:  # tarfile passes on Python's own errors for a damaged header
        raise SourceError(f"{tarball.name} is not a sound tarball") from None
    return found


def _contents(file: Path) -> bytes:
    try:
        with gzip.open(file) if file.suffix in (".gz", ".tgz") else file.open("rb") as stream:
            data = stream.read(LIMIT + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise SourceError(f"{file.name} is not a whole gzip file") from None
    if len(data) > LIMIT:
        raise SourceError(f"{file.name} holds more than {LIMIT:,} bytes")
    return data


def reason(error: Exception) -> str:
    """Give an error as one short printable line."""
    if isinstance(error, HTTPError):
        return f"HTTP {error.code}" + (", a redirect to nowhere" if 300 <= error.code < 400 else "")
    cause = getattr(error, "reason", error)  # what a URLError wraps
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if isinstance(cause, OSError) and cause.filename:
        text = f"{cause.filename}: {text}"
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:400]
