"""The table of learning curves grows while a network trains, and ends as the report would write it."""

from multiprocessing import get_context
from pathlib import Path

from mnist_study.core.recipe import Recipe
from mnist_study.running import curves_table, progress
from mnist_study.train.messages import Progress


def row(epoch: int, accuracy: float = 98.0) -> dict[str, float]:
    return {"epoch": epoch, "train_loss": 0.1, "train_accuracy": 97.0, "test_loss": 0.2, "test_accuracy": accuracy}


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:]


def written(path: Path, *trained: tuple[str, int]) -> bytes:
    path.write_text(
        curves_table.table(curves_table.line(name, seed, row(epoch)) for name, seed in trained for epoch in (1, 2, 3))
    )
    return path.read_bytes()


def test_an_epoch_is_added(tmp_path: Path):
    path = tmp_path / "plots" / "curves.csv"
    curves_table.add(path, "one", 0, row(1, 98.76))
    assert path.read_text() == f"{curves_table.HEADER}\none,0,1,0.1000,97.0000,0.2000,98.7600\n"


def test_a_seed_trained_again_replaces_its_lines_from_the_first_epoch_on(tmp_path: Path):
    path = tmp_path / "curves.csv"
    before = written(path, ("one", 0), ("one", 1), ("two", 0))
    curves_table.add(path, "one", 1, row(1))
    assert [each.split(",")[:3] for each in lines(path)][3:5] == [["one", "1", "1"], ["two", "0", "1"]]
    curves_table.add(path, "one", 1, row(2))
    curves_table.add(path, "one", 1, row(3))
    assert path.read_bytes() == before


def test_a_resumed_training_keeps_the_epochs_before(tmp_path: Path):
    path = tmp_path / "curves.csv"
    written(path, ("one", 0), ("one", 11))
    curves_table.add(path, "one", 11, row(3, 99.0))
    assert lines(path)[3:5] == [curves_table.line("one", 11, row(epoch)) for epoch in (1, 2)]
    assert lines(path)[5:] == [curves_table.line("one", 11, row(3, 99.0))]


def test_a_new_seed_stands_with_its_variant_and_a_new_variant_last(tmp_path: Path):
    path = tmp_path / "curves.csv"
    written(path, ("one", 0), ("two", 0))
    curves_table.add(path, "one", 1, row(1))
    curves_table.add(path, "three", 0, row(1))
    assert lines(path)[3].startswith("one,1,1,")
    assert lines(path)[-1].startswith("three,0,1,")


def add_all(path: Path, variant: str) -> None:
    for epoch in range(1, 21):
        curves_table.add(path, variant, 0, row(epoch))


def test_several_may_add_at_once(tmp_path: Path):
    path = tmp_path / "curves.csv"
    names = ["one", "two", "three"]
    processes = [get_context("fork").Process(target=add_all, args=(path, name)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(lines(path)) == sorted(
        curves_table.line(name, 0, row(epoch)) for name in names for epoch in range(1, 21)
    )


def test_a_table_that_cannot_be_read_or_written_stops_no_training(recipe: Recipe, tmp_path: Path):
    table = tmp_path / "curves.csv"
    table.write_bytes(b"\xff\xfe")
    for path in (table, tmp_path / "curves.csv" / "below a file"):
        with progress.display(recipe, tmp_path / "tiny.json", path) as show:
            show(Progress(0, 1, 640, 640, 0.1, 97.0, epoch_ended=row(1)))
    assert table.read_bytes() == b"\xff\xfe"
