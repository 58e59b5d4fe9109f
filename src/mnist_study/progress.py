"""How training shows itself: bars on a terminal, one plain line an epoch elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mnist_study.training import Progress as Sign

COLUMNS = (
    TextColumn("{task.description}"),
    TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
    BarColumn(bar_width=None),
    TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.2f} {task.fields[test]}"),
    TextColumn("{task.fields[rate]:,.0f} images/s"),
    TimeRemainingColumn(),
)


class Display:
    """Shows the signs of life of several seeds; call it with each."""

    def __init__(self, variant: str, epochs: int, images: int, bars: Progress | None) -> None:
        self.variant, self.epochs, self.images, self.bars = variant, epochs, images, bars
        self.tasks: dict[int, TaskID] = {}
        self.began: dict[int, tuple[float, int]] = {}  # when a seed was first heard of, and its images by then

    def __call__(self, sign: Sign) -> None:
        """Show one sign of life."""
        done = (sign.epoch - 1) * self.images + sign.images
        start, images = self.began.setdefault(sign.seed, (time.monotonic(), done))
        rate = (done - images) / max(time.monotonic() - start, 0.1)
        if self.bars is not None:
            self._bar(self.bars, sign, done, rate)
        elif sign.epoch_ended is not None:
            print(self._line(sign, rate), flush=True)

    def _bar(self, bars: Progress, sign: Sign, done: int, rate: float) -> None:
        fields = {"epoch": sign.epoch, "loss": sign.loss, "accuracy": sign.accuracy, "rate": rate}
        if sign.seed not in self.tasks:
            total = self.epochs * self.images  # the variant's name is in the line that DVC prints above
            task = bars.add_task(f"seed {sign.seed}", total=total, epochs=self.epochs, test="", **fields)
            self.tasks[sign.seed] = task
        if sign.epoch_ended is not None:
            fields["test"] = f"test {sign.epoch_ended['test_accuracy']:.2f}"
        bars.update(self.tasks[sign.seed], completed=done, **fields)

    def _line(self, sign: Sign, rate: float) -> str:
        row = sign.epoch_ended or {}
        return (
            f"{self.variant} seed {sign.seed} epoch {sign.epoch}/{self.epochs} loss {sign.loss:.4f}"
            f" accuracy {sign.accuracy:.2f} test {row['test_accuracy']:.2f} {rate:,.0f} images/s"
        )


@contextmanager
def display(variant: str, epochs: int, images: int) -> Iterator[Display]:
    """Show the training of a variant's seeds; `images` is the number in an epoch."""
    console = Console()
    if not console.is_terminal:
        yield Display(variant, epochs, images, None)
        return
    with Progress(*COLUMNS, console=console) as bars:
        yield Display(variant, epochs, images, bars)
