"""Hold what a source delivered against what params.yaml says of it, and let its labels count from 0."""

import hashlib
import math
from dataclasses import dataclass

from mnist_study.core.errors import UserError
from mnist_study.download.contents import Files

SPLITS = ("train", "t10k")  # as the files in data/mnist begin
LABELS_FROM = 8  # bytes of the header of a file of labels


@dataclass(frozen=True)
class Images:
    """What params.yaml says: the four files, their images' side, and so many classes, labelled from `first_label`."""

    files: Files
    side: int
    classes: int
    first_label: int


def fitted(files: dict[str, bytes], images: Images) -> dict[str, bytes]:
    """Give the files with labels that count from 0; raises UserError naming the file, or the key of params.yaml."""
    if not all(file["sha256"] for file in images.files.values()):
        raise UserError(_hashes(files, images.files))
    stored = dict(files)
    for split in SPLITS:
        pictures, labels = f"{split}-images-idx3-ubyte", f"{split}-labels-idx1-ubyte"
        names = [images.files[name]["name"] for name in (pictures, labels)]
        count, *sides = _sizes(names[0], files[pictures], dimensions=3)
        (labelled,) = _sizes(names[1], files[labels], dimensions=1)
        if sides != [images.side] * 2:
            size = f"{sides[0]} x {sides[1]}{', no squares' if sides[0] != sides[1] else ''}"
            raise UserError(f"params.yaml: data.side: {images.side} given; the images of {names[0]} are {size}")
        if count != labelled or count == 0:
            raise UserError(f"{names[0]}: {count:,} images, but {labelled:,} labels in {names[1]}")
        stored[labels] = _from_zero(names[1], files[labels], images)
    return stored


def shifted(labels: bytes, by: int) -> bytes:
    """Add a number to every label of an IDX file."""
    if by == 0:
        return labels
    table = bytes((label + by) % 256 for label in range(256))
    return labels[:LABELS_FROM] + labels[LABELS_FROM:].translate(table)


def _from_zero(name: str, labels: bytes, images: Images) -> bytes:
    last = images.first_label + images.classes - 1
    other = {label for label in labels[LABELS_FROM:] if not images.first_label <= label <= last}
    if other:
        allowed = f"{images.classes} classes allow labels from {images.first_label} (data.first_label) to {last}"
        raise UserError(f"params.yaml: data.classes: {allowed}; {name} has {min(other)}")
    return shifted(labels, -images.first_label)


def _sizes(name: str, data: bytes, *, dimensions: int) -> list[int]:
    """Read the sizes in the header of an IDX file of bytes."""
    header = 4 + 4 * dimensions
    sizes = [int.from_bytes(data[at : at + 4], "big") for at in range(4, header, 4)]
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) != header + math.prod(sizes):
        raise UserError(f"{name}: not a whole IDX file of bytes in {dimensions} dimensions")
    return sizes


def _hashes(files: dict[str, bytes], wanted: Files) -> str:
    """Write the lines that params.yaml lacks."""
    lines = ["params.yaml: data.files: has no SHA-256 of each file; compare with the publisher's, then write there"]
    for name, file in wanted.items():
        renamed = f"name: {file['name']}, " if file["name"] != name else ""
        lines.append(f"{file['key']}: {{{renamed}sha256: {hashlib.sha256(files[name]).hexdigest()}}}")
    return "\n    ".join(lines)
