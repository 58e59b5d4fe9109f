"""What `configure` writes to build/: all that params.yaml asks for; no file is away from a reader meanwhile."""

from pathlib import Path

import pytest

from mnist_study.core import files
from stages import configure
from tests.support.checkout import PARAMS

RECIPES = Path("build/recipes")
ONE, TWO = (RECIPES / f"{name}-b64-step-rotate.json" for name in ("one_pool", "two_pool"))


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    configure.main(only_check=False)
    return tmp_path / "params.yaml"


def identity(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_what_stays_the_same_is_not_touched_and_what_changes_is_never_missing(
    params: Path, monkeypatch: pytest.MonkeyPatch
):
    before = {path: identity(path) for path in Path("build").rglob("*.json")}
    old, written = ONE.read_bytes(), []

    def write(path: Path, content: bytes) -> None:
        assert path.read_bytes() == old
        assert all(each.exists() for each in before)
        written.append(path)
        files_write(path, content)

    files_write = files.write
    monkeypatch.setattr(files, "write", write)
    params.write_text(PARAMS.replace("architecture: one_pool,", "architecture: one_pool, lr: 0.04,"))
    configure.main(only_check=False)
    assert written == [ONE]
    assert [path for path in before if identity(path) != before[path]] == [ONE]


def test_what_params_no_longer_names_is_removed(params: Path):
    """So are leftovers of a kill: the folder's hash is that of what params.yaml asks for."""
    (RECIPES / ".left.json-abc").write_text("half")
    (RECIPES / "folder").mkdir()
    (RECIPES / "folder" / "file").touch()
    params.write_text(PARAMS.replace("  two_pool-b64", "  other-b64"))
    configure.main(only_check=False)
    assert {*RECIPES.iterdir()} == {ONE, RECIPES / "other-b64-step-rotate.json"}


def test_a_mistake_leaves_all_as_it_was(params: Path):
    before = {path: identity(path) for path in Path("build").rglob("*")}
    params.write_text(PARAMS.replace("lr: 0.05", "lr: -1"))
    with pytest.raises(configure.UserError, match=r"train\.lr: -1 given"):
        configure.main(only_check=False)
    assert {path: identity(path) for path in Path("build").rglob("*")} == before
