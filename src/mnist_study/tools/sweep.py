"""Choose a recipe: train on part of the training images, score the rest; test images are never read.

The file is a params.yaml, and `trials`: a name for each set of changes to it, by key. Every variant is trained in every
trial. A row for each goes to the CSV beside the file as soon as it is there; started again, a sweep goes on where it
was. Each row has a hash of what was trained: rows of a trial that was edited since are refused. DVC has no part in
it: what is only tried out needs no cache.
"""

import copy
import csv
import functools
import hashlib
import io
import json
import multiprocessing
import signal
import statistics
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnist_study.augmentation import with_kinds
from mnist_study.configure import build, document
from mnist_study.configure.params import Plan
from mnist_study.core import files, mnist
from mnist_study.core.augmentation import Policy
from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.running import pool
from mnist_study.train.messages import Note, Progress
from mnist_study.train.replica import train_one
from mnist_study.transforms import normalisation

SCORES = {"train_accuracy": ".3f", "validation_accuracy": ".3f", "validation_loss": ".4f"}
FIELDS = ["trial", "variant", "seed", "parameters", *SCORES, "recipe_hash"]


@dataclass(frozen=True)
class Task:
    """One row of the table to be trained, on the images in a folder."""

    trial: str
    recipe: Recipe
    seed: int
    policy: Policy
    images: Path

    @property
    def key(self) -> tuple[str, ...]:
        """Name the row: trial, variant and seed."""
        return self.trial, self.recipe.variant, str(self.seed)

    @property
    def recipe_hash(self) -> str:
        """Give the first 12 digits of the SHA-256 of recipe and policy; the recipe's list of seeds is no part of it."""
        trained = [asdict(replace(self.recipe, seeds=())), asdict(self.policy)]
        return hashlib.sha256(json.dumps(trained, sort_keys=True).encode()).hexdigest()[:12]


def sweep(plan: Path, images: Path) -> None:
    """Train what the table lacks, as many rows at once as there are workers; print the means.

    Raises UserError where a process dies; the table keeps the rows that were there by then.
    """
    table = plan.with_suffix(".csv")
    tasks = pending(plan, images, done(table))
    # A process of its own for each row. Ctrl-C is for this process, which ends the others.
    executor = ProcessPoolExecutor(
        pool.workers(),
        multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
        max_tasks_per_child=1,
    )
    try:
        futures: list[Future[dict[str, str]]] = [executor.submit(run_task, task) for task in tasks]
        for number, future in enumerate(as_completed(futures), start=1):
            row = future.result()
            append(table, row)
            accuracy = row["validation_accuracy"]
            print(
                f"{number} of {len(tasks)}: {row['trial']}, {row['variant']}, seed {row['seed']}: {accuracy}",
                flush=True,
            )
    except BrokenProcessPool:
        raise UserError(
            f"{table}: a training process was killed, as happens where memory is short; the rows so far are kept, and"
            f" the same command trains the rest, with {pool.WORKERS}=1 one at a time"
        ) from None
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.kill()
    Console().print(means(table))


def pending(plan: Path, images: Path, finished: dict[tuple[str, ...], str]) -> list[Task]:
    """Give what is to be trained, seed by seed; `finished` has the hash of each row that the table has.

    All is normalised as in the pipeline, by all training images. Raises UserError for a variant that holds out no
    images, for images that are not what the plan says, and where the table has rows of another recipe.
    """
    checked = trials(plan)
    for recipe in [recipe for each in checked.values() for recipe in each.recipes]:
        if not recipe.validation:
            raise UserError(f"variants.{recipe.variant}.validation: 0 given; a sweep scores images held out")
    training = mnist.training_split(images)
    mean, sd = normalisation.measure(training.images)
    side, last = training.images.shape[2], int(training.labels.max())
    tasks = []
    for trial, each in checked.items():
        if side != each.data.side or last >= len(each.data.classes):
            said = f"{trial}: side {each.data.side} and {len(each.data.classes)} classes given"
            raise UserError(f"data, {said}; {images} has images of {side} x {side} with labels to {last}")
        for recipe in each.recipes:
            ranges = each.policies[recipe.augmentation].ranges()
            policy = with_kinds(Policy(mean, sd, {name: (low, high) for name, (low, high) in ranges.items()}))
            tasks += [Task(trial, recipe, seed, policy, images) for seed in recipe.seeds]
    edited = {task.trial: None for task in tasks if finished.get(task.key, task.recipe_hash) != task.recipe_hash}
    if edited:
        raise UserError(
            f"{plan.with_suffix('.csv')}: has rows of another recipe or other images for {', '.join(edited)};"
            " delete these rows or rename the trials"
        )
    return [task for task in sorted(tasks, key=lambda task: task.seed) if task.key not in finished]


def trials(plan: Path) -> dict[str, Plan]:
    """Make each trial's changes and check what comes out; raises UserError where that is no params.yaml."""
    raw = document.read(plan)
    if not isinstance(raw, dict) or not isinstance(raw.get("trials"), dict):
        raise UserError(
            f"{plan}: has no `trials`, a name for each set of changes, such as {{slow: {{train.lr: 0.01}}}}"
        )
    checked = {}
    for trial, changes in raw.pop("trials").items():
        if not isinstance(changes, dict):
            raise UserError(f"{plan}: trials.{trial}: {changes!r} given; allowed are keys with their values, or {{}}")
        changed = copy.deepcopy(raw)
        for key, value in changes.items():
            *sections, last = str(key).split(".")
            try:
                functools.reduce(dict.__getitem__, sections, changed)[last] = value
            except (KeyError, TypeError):
                raise UserError(f"{plan}: trials.{trial}.{key}: there is no section of that name") from None
        checked[str(trial)] = build.check(changed, f"{plan.stem}, {trial}")
    return checked


def run_task(task: Task) -> dict[str, str]:
    """Train one seed of one variant as the pipeline does, but with no look at test images; give its row."""
    training, held_out = mnist.hold_out(mnist.training_split(task.images), task.recipe.validation)
    observed = {"validation": held_out}
    try:
        replica = train_one(task.recipe, task.seed, task.policy, training, observed, _show_notes)
    except Exception as error:
        if not pool.is_out_of_memory(error):
            raise
        row = f"{task.trial}, {task.recipe.variant}, seed {task.seed}"
        advice = f"fewer rows at once ({pool.WORKERS}=1) or a smaller batch need less"
        raise UserError(f"{row}: not enough memory; {advice}") from error
    scores = [format(replica.history[-1][score], digits) for score, digits in SCORES.items()]
    return dict(zip(FIELDS, [*task.key, str(replica.parameters), *scores, task.recipe_hash], strict=True))


def _show_notes(message: Progress | Note) -> None:
    if isinstance(message, Note):
        print(message.text)


def done(table: Path) -> dict[tuple[str, ...], str]:
    """Give the hash of each trial, variant and seed in the table; raises UserError for one without that column."""
    known = rows(table)
    if known and "recipe_hash" not in known[0]:
        raise UserError(
            f"{table}: has no column recipe_hash, so nothing says what was trained; copy the plan to another name"
        )
    return {(row["trial"], row["variant"], row["seed"]): row["recipe_hash"] for row in known}


def rows(table: Path) -> list[dict[str, str]]:
    """Read the table's rows; there may be none yet. One that was cut short is left out, so it is trained again."""
    known = csv.DictReader(io.StringIO(_whole_lines(table), newline=""))
    return [row for row in known if None not in row.values()]


def append(table: Path, row: dict[str, str]) -> None:
    """Add a row, after the header if it is the first; the file is replaced whole, so no kill cuts a row short."""
    line = io.StringIO(newline="")
    csv.DictWriter(line, FIELDS, lineterminator="\n").writerow(row)
    before = _whole_lines(table) or ",".join(FIELDS) + "\n"
    files.write(table, (before + line.getvalue()).encode())


def _whole_lines(table: Path) -> str:
    text = table.read_bytes().decode() if table.exists() else ""
    return text[: text.rfind("\n") + 1]


def means(table: Path) -> Table:
    """Give the mean over seeds of each trial and variant and, where there are several, over the trial's variants."""
    trials: dict[str, dict[str, list[dict[str, str]]]] = {}
    for row in sorted(rows(table), key=lambda row: (row["trial"], row["variant"])):
        trials.setdefault(row["trial"], {}).setdefault(row["variant"], []).append(row)
    shown = Table("trial", "variant", "parameters", "runs", "validation accuracy", "loss", "training accuracy")
    for trial, variants in trials.items():
        lines = [(variant, group[0]["parameters"], group) for variant, group in variants.items()]
        if len(variants) > 1:
            lines.append(("all", "", [row for group in variants.values() for row in group]))
        for variant, parameters, group in lines:
            training, accuracy, loss = (statistics.fmean(float(row[score]) for row in group) for score in SCORES)
            scores = f"{accuracy:.3f}", f"{loss:.4f}", f"{training:.2f}"
            shown.add_row(Text(trial), variant, parameters, str(len(group)), *scores)
    return shown
