"""A copy of the project on a tiny MNIST, finished by real DVC."""

import shutil
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, write_copy
from tests.support.tiny import write_tiny_mnist


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The copy after `dvc repro`, committed and pushed to its bundled store. Tests work in clones or copies of it."""
    mnist = tmp_path_factory.mktemp("tiny")
    write_tiny_mnist(mnist)
    folder = tmp_path_factory.mktemp("project with ü") / "copy"
    folder.mkdir()
    write_copy(folder, mnist)
    checkout = Checkout(folder, mnist)
    checkout.run("git", "init", "--quiet")
    checkout.run("git", "add", "--all")
    checkout.repro()
    checkout.run("dvc", "push", "--quiet")
    checkout.commit()
    return checkout


@pytest.fixture
def checkout(finished: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished pipeline, cache and all, to do with as a test likes."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    return Checkout(folder, finished.mnist)
