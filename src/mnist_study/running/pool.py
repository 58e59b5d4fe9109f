"""The seeds of one variant side by side: a process each, whose number cannot change the result, or one on a GPU.

This side of it imports no torch; the processes do, in `_work`.
"""

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.train.messages import Note, Progress, Replica

WORKERS = "MNIST_STUDY_WORKERS"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
Report = Callable[[Progress | Note], None]


def train_all(recipe: Recipe, policy: Path, images: Path, checkpoints: Path, report: Report) -> list[Replica]:
    """Train every seed of the recipe, as many processes at once as there are workers; give them in the recipe's order.

    `policy` is the policy's file, `images` the folder of the IDX files, `checkpoints` that of a file per seed. `report`
    is called in this process. The first seed that fails ends the others; raises UserError or OSError where training
    does, and UserError where a process dies.
    """
    most = workers()
    threads = most // min(most, len(recipe.seeds))
    waiting = [recipe.seeds] if in_lockstep(recipe) else [(seed,) for seed in recipe.seeds]
    running: dict[Connection, tuple[tuple[int, ...], BaseProcess]] = {}
    finished: dict[int, Replica] = {}
    try:
        while waiting or running:
            while waiting and len(running) < most:
                with _signals_held_back():
                    seeds = waiting.pop(0)
                    receiver, process = _start(recipe, seeds, policy, images, checkpoints, threads)
                    running[receiver] = seeds, process
            for receiver in wait(list(running)):
                assert isinstance(receiver, Connection)
                seeds, process = running[receiver]
                message = _receive(receiver, recipe, seeds, process)
                if not isinstance(message, Replica):
                    report(message)
                    continue
                finished[message.seed] = message
                if finished.keys() >= set(seeds):
                    process.join()
                    del running[receiver]
    finally:
        for _, process in running.values():
            process.kill()  # nothing to clean up: checkpoints are written atomically
        for _, process in running.values():
            process.join()
    return [finished[seed] for seed in recipe.seeds]


def in_lockstep(recipe: Recipe) -> bool:
    """Tell whether all seeds train in one process: a GPU has room for many networks, and one keeps it idle."""
    return recipe.engine == "exact" and recipe.device == "cuda"


def workers() -> int:
    """Count the processes to run at once: the cores this process may use, or fewer if MNIST_STUDY_WORKERS says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get(WORKERS)
    if not given:
        return cores
    if not given.isdecimal() or int(given) < 1:
        raise UserError(f"{WORKERS}: {given!r} given; allowed is a whole number from 1")
    return min(cores, int(given))


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Block signals until the child is registered; the child starts with them blocked."""
    resource_tracker.ensure_running()  # multiprocessing's own, which would unblock signals when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(
    recipe: Recipe, seeds: tuple[int, ...], policy: Path, images: Path, checkpoints: Path, threads: int
) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_work, args=(sender, recipe, seeds, policy, images, checkpoints, threads), daemon=True
    )
    process.start()
    sender.close()
    return receiver, process


def _work(
    sender: Connection,
    recipe: Recipe,
    seeds: tuple[int, ...],
    policy: Path,
    images: Path,
    checkpoints: Path,
    threads: int,
) -> None:
    """Train one seed, or several together, in this process; it ignores Ctrl-C and ends silently with its parent.

    The kernels of the engine `exact` use so many threads, and give the same bits with any number.
    """
    os.environ.setdefault("HL_NUM_THREADS", str(threads))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from mnist_study.core.policy import Policy
    from mnist_study.train import replica

    files = [checkpoints / f"seed-{seed}.checkpoint" for seed in seeds]
    try:
        splits, read = replica.read_splits(recipe, images), Policy.read(policy)
        if in_lockstep(recipe):
            from mnist_study.lockstep.seeds import train_seeds

            trained = train_seeds(recipe, seeds, read, *splits, sender.send, files)
        else:
            trained = [replica.train_one(recipe, seeds[0], read, *splits, sender.send, files[0])]
        for each in trained:
            sender.send(each)
    except BrokenPipeError:
        pass  # the parent is gone
    except Exception as error:
        reported = error
        if is_out_of_memory(error):
            advice = f"fewer seeds at once ({WORKERS}=1) or a smaller batch need less"
            reported = UserError(f"{named(seeds)}: not enough memory; {advice}")
        elif not isinstance(error, UserError | OSError):
            raise
        reported.add_note(traceback.format_exc())  # the parent shows it with --debug
        sender.send(reported)


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether memory is missing; torch has a class for a GPU's, for the processor's only these words."""
    import torch

    words = ("DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(each in str(error) for each in words)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def named(seeds: tuple[int, ...]) -> str:
    """Write `seed 0` or `seeds 0, 1`."""
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _receive(
    receiver: Connection, recipe: Recipe, seeds: tuple[int, ...], process: BaseProcess
) -> Progress | Note | Replica:
    """Take the next message of a process; raises the error that it sends, and UserError where it died."""
    try:
        message = receiver.recv()
    except (EOFError, OSError, pickle.UnpicklingError):  # between two messages or within one
        process.join()
        ended = f"the process of {named(seeds)} {_end(process.exitcode)}"
        raise UserError(f"variants.{recipe.variant}: {ended}") from None
    if isinstance(message, Exception):
        raise message
    return message


def _end(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"was killed by {signal.Signals(-exitcode).name}"
    return f"ended with exit status {exitcode}"
