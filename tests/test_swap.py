"""Files and folders are put in place all together or not at all, whatever happens between two moves."""

from pathlib import Path

import pytest

from mnist_study import swap

pytestmark = pytest.mark.faults


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder and a file in their places, and new ones; of a second new file there is no old one."""
    for name in ("reports", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page").write_text(name)
    (tmp_path / "numbers").write_text("old")
    (tmp_path / "new_numbers").write_text("new")
    (tmp_path / "new_more").write_text("new")
    return tmp_path


def new(folder: Path) -> dict[Path, Path]:
    places = {"reports": "new", "more": "new_more", "numbers": "new_numbers"}
    return {folder / place: folder / source for place, source in places.items()}


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_all_are_put_in_place_and_the_old_ones_aside(made: Path):
    swap.put_in_place(new(made), made / "aside")
    assert texts(made) == {
        "reports/page": "new",
        "more": "new",
        "numbers": "new",
        "aside/0/page": "reports",
        "aside/2": "old",
    }


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("failing", range(5))
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_or_is_interrupted_leaves_all_as_it_was(
    made: Path, monkeypatch: pytest.MonkeyPatch, failing: int, after: bool, error: BaseException
):
    """Before or after any of the five moves: two of old ones, three of new ones."""
    before, rename, moves = texts(made), Path.rename, iter(range(100))

    def interrupted(self: Path, target: Path) -> None:
        move = next(moves) if self.exists() else -1
        if move == failing and not after:
            raise error
        rename(self, target)
        if move == failing:
            raise error

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(type(error)):
        swap.put_in_place(new(made), made / "aside")
    assert texts(made) == before


def test_a_folder_in_the_place_of_a_file_is_named_and_stays(made: Path):
    (made / "more").mkdir()
    before = texts(made)
    with pytest.raises(IsADirectoryError) as caught:
        swap.put_in_place(new(made), made / "aside")
    assert caught.value.filename == str(made / "more")
    assert texts(made) == before
    assert (made / "more").is_dir()
