"""Read the four files that a source delivered, within bounds, and check them; nothing else is unpacked."""

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path
from urllib.error import HTTPError

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
LIMIT = 64 * 2**20  # bytes: of what a source sends, of an unpacked tarball and of each file


class SourceError(Exception):
    """Why one source did not deliver, in a few words."""


def checked(folder: Path) -> dict[str, bytes]:
    """Give the four files, plain or gzipped in the folder, by name; raises SourceError."""
    files = {}
    for name, expected in SHA256.items():
        file = next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)
        if file is None:
            raise SourceError(f"{name} is missing")
        files[name] = _contents(file)
        got = hashlib.sha256(files[name]).hexdigest()
        if got != expected:
            raise SourceError(f"wrong SHA-256 for {name}: got {got[:8]}…, expected {expected[:8]}…")
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
