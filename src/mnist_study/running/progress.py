"""How training is displayed: bars on a terminal, plain lines elsewhere, and files for whoever watches."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mnist_study.core import files
from mnist_study.core.recipe import Recipe
from mnist_study.running import curves_table
from mnist_study.train.messages import Note
from mnist_study.train.messages import Progress as Sign

COLUMNS = (
    TextColumn("{task.description}"),
    TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
    BarColumn(bar_width=None),
    TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.2f} {task.fields[test]}"),
    TextColumn("{task.fields[rate]:,.0f} images/s"),
    TimeRemainingColumn(),
)
PACE = ".pace"
SECONDS = 1.0  # between two writes of the status file


class Pace:
    """Images done by each seed over all epochs, and images per second since its first message."""

    def __init__(self) -> None:
        self.began: dict[int, tuple[float, int]] = {}  # time of the first message, and images done by then
        self.done: dict[int, int] = {}

    def add(self, sign: Sign) -> None:
        """Count one progress message."""
        self.done[sign.seed] = (sign.epoch - 1) * sign.total + sign.images
        self.began.setdefault(sign.seed, (time.monotonic(), self.done[sign.seed]))

    def rate(self, *seeds: int) -> float:
        """Give the images per second of these seeds together, since their first messages."""
        since = min(self.began[seed][0] for seed in seeds)
        images = sum(self.done[seed] - self.began[seed][1] for seed in seeds)
        return images / max(time.monotonic() - since, 0.1)


class Display:
    """Shows the messages of several seeds; call it with each. `bars` is None where there is no terminal."""

    def __init__(self, recipe: Recipe, status: Path, table: Path, bars: Progress | None) -> None:
        self.recipe, self.status, self.table, self.bars = recipe, status, table, bars
        self.pace = Pace()
        self.tasks: dict[int, TaskID] = {}
        self.printed: set[str] = set()
        self.written = -SECONDS
        self.test_accuracy: float | None = None

    def __call__(self, message: Sign | Note) -> None:
        """Show one message; a note that another seed sent already is not repeated."""
        if isinstance(message, Sign):
            self.pace.add(message)
            self._show(message)
            self._write_status(message)
            self._add_to_curves(message)
        elif message.text not in self.printed:
            self.printed.add(message.text)
            self._print(message.text)

    def _show(self, sign: Sign) -> None:
        if self.bars is not None:
            self._bar(self.bars, sign)
        elif sign.epoch_ended is not None:
            row = sign.epoch_ended
            self._print(
                f"{self.recipe.variant} seed {sign.seed} epoch {sign.epoch}/{self.recipe.epochs}"
                f" loss {sign.loss:.4f} accuracy {sign.accuracy:.2f} test {row['test_accuracy']:.2f}"
                f" {self.pace.rate(sign.seed):,.0f} images/s"
            )

    def _bar(self, bars: Progress, sign: Sign) -> None:
        rate = self.pace.rate(sign.seed)
        fields = {"epoch": sign.epoch, "loss": sign.loss, "accuracy": sign.accuracy, "rate": rate}
        if sign.seed not in self.tasks:
            epochs = self.recipe.epochs  # the variant's name is in the line that DVC prints above
            task = bars.add_task(f"seed {sign.seed}", total=epochs * sign.total, epochs=epochs, test="", **fields)
            self.tasks[sign.seed] = task
        if sign.epoch_ended is not None:
            fields["test"] = f"test {sign.epoch_ended['test_accuracy']:.2f}"
        bars.update(self.tasks[sign.seed], completed=self.pace.done[sign.seed], **fields)

    def _print(self, line: str) -> None:
        if self.bars is not None:
            self.bars.console.print(line, markup=False, highlight=False)
        else:
            print(line, flush=True)

    def _write_status(self, sign: Sign) -> None:
        """Write the file, at most once a second and at an epoch's end."""
        if sign.epoch_ended is not None:
            self.test_accuracy = sign.epoch_ended["test_accuracy"]
        elif time.monotonic() < self.written + SECONDS:
            return
        self.written = time.monotonic()
        seeds = len(self.recipe.seeds)
        status = {
            "epoch": sign.epoch,
            "epochs": self.recipe.epochs,
            "done": sum(self.pace.done.values()),
            "total": seeds * self.recipe.epochs * sign.total,
            "images_per_second": round(self.pace.rate(*self.pace.done), 1),
            "test_accuracy": self.test_accuracy,
            "seeds": seeds,
        }
        with suppress(OSError):  # a full disk must not stop training
            files.write(self.status, json.dumps(status).encode())

    def _add_to_curves(self, sign: Sign) -> None:
        """Let the learning curves grow with each epoch: DVC's plots and its extension for VS Code show them."""
        if sign.epoch_ended is not None:
            with suppress(OSError, ValueError):  # nor must an unreadable table
                curves_table.add(self.table, self.recipe.variant, sign.seed, sign.epoch_ended)

    def write_pace(self) -> None:
        """Keep the images per second of all seeds together beside the status file, for `mnist-study plan`.

        There is none where each seed sent one message only: it takes two to tell a pace.
        """
        rate = round(self.pace.rate(*self.pace.done), 1)
        if not rate:
            return
        kind = {name: getattr(self.recipe, name) for name in ("architecture", "model", "engine", "device")}
        pace = kind | {"images_per_second": rate}
        with suppress(OSError):
            files.write(self.status.with_suffix(PACE), json.dumps(pace).encode())


@contextmanager
def display(recipe: Recipe, status: Path, table: Path) -> Iterator[Display]:
    """Show the training of a variant's seeds, keep the file `status` meanwhile, and add each epoch to the `table`."""
    console = Console()
    try:
        with Progress(*COLUMNS, console=console) if console.is_terminal else nullcontext() as bars:
            shown = Display(recipe, status, table, bars)
            yield shown
        if shown.pace.done:
            shown.write_pace()
    finally:
        status.unlink(missing_ok=True)
