"""Train what a sweep's table lacks, round by round."""

import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rich.console import Console

from mnist_study.core import mnist
from mnist_study.core.errors import UserError
from mnist_study.running import pool
from mnist_study.tools.sweep.plan import Task, hold_out, keys, pending, rounds, trials
from mnist_study.tools.sweep.table import FIELDS, SCORES, append, better_half, done, key, means, rows
from mnist_study.train.messages import Note, Progress
from mnist_study.train.replica import train_one


def sweep(plan: Path, images: Path) -> None:
    """Train what the table lacks, as many rows at once as there are workers; print the means after each round.

    Raises UserError where a process dies; the table keeps the rows that were there by then.
    """
    table, halving = plan.with_suffix(".csv"), rounds(plan)
    checked = trials(plan)
    kept, planned = list(checked), keys(checked)
    wanted: list[dict[str, str]] = []
    for number, seeds in enumerate(halving, start=1):
        if number > 1:
            kept = better_half(wanted, kept, halving[number - 2])
            print(f"round {number} of {len(halving)}: {len(seeds)} seeds each for {', '.join(kept)}", flush=True)
        left = pending(plan, images, done(table))
        _train([task for task in left if task.trial in kept and task.seed in seeds], table)
        wanted = [row for row in rows(table) if key(row) in planned]
        Console().print(means(wanted))


def _train(tasks: Sequence[Task], table: Path) -> None:
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


def run_task(task: Task) -> dict[str, str]:
    """Train one seed of one variant as the pipeline does, but with no look at test images; give its row."""
    training, held_out = hold_out(mnist.training_split(task.images), task.recipe.validation, task.part)
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
