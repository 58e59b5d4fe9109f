"""Files made up by a fuzzer that watches which code they reach: `make fuzz`.

    python -m tests.faults.fuzz params|idx|tarball -max_total_time=600

Anything but the typed error ends it, and the file that did it is kept beside this working directory.
"""

import gzip
import io
import sys
import tarfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp

atheris = import_module("atheris")  # `make fuzz` installs it, into build/

with atheris.instrument_imports(include=["mnist_study", "ruamel.yaml", "tarfile"]):
    from mnist_study.configure.data import MNIST
    from mnist_study.core import mnist
    from mnist_study.core.errors import UserError
    from mnist_study.download import contents
    from tests.configure.test_params import GOOD, read

FOLDER = Path(mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").exists() else None))  # noqa: S108 - its own


def read_params(data: bytes) -> None:
    """Read the bytes as params.yaml."""
    path = FOLDER / "params.yaml"
    path.write_bytes(data)
    with suppress(UserError):
        read(path)


def read_idx(data: bytes) -> None:
    """Read the bytes as a file of images; what is read must be what is there."""
    path = FOLDER / "images-idx3-ubyte"
    path.write_bytes(data)
    with suppress(UserError):
        images = mnist.read_idx(path, dimensions=3).numpy()
        assert images.tobytes() == data[16:]


def read_tarball(data: bytes) -> None:
    """Read the bytes as npm's tarball, unzipped, so that the fuzzer need not find out gzip's checksum."""
    path = FOLDER / "x.tgz"
    path.write_bytes(gzip.compress(data, 1))
    with suppress(contents.SourceError):
        contents.members(path, [f"package/data/{name}" for name in MNIST])


def tarball() -> bytes:
    """A sound one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in MNIST:
            info = tarfile.TarInfo(f"package/data/{name}")
            info.size = 5
            tar.addfile(info, io.BytesIO(b"12345"))
    return buffer.getvalue()


KINDS: dict[str, tuple[Callable[[bytes], None], bytes]] = {
    "params": (read_params, GOOD.encode()),
    "idx": (read_idx, bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4])),
    "tarball": (read_tarball, tarball()),
}


def main() -> None:
    """Fuzz one reader, beginning with a good file."""
    warnings.simplefilter("ignore")
    read, seed = KINDS[sys.argv[1]]
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    (corpus / "good").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[2:]], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
