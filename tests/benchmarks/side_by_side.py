"""Processes that measure at the same time: all begin a round together, each says what the round came to."""

import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

PRELOADED = ["torch", "torch._dynamo", "torchvision.transforms"]  # imported once instead of once a process
PATIENCE = 30  # seconds that a process has to end by itself


@dataclass(frozen=True)
class Failure:
    """What went wrong in a process."""

    trace: str


class Stopped(Exception):  # noqa: N818 - no error: there is no further round
    """Leaves the loop that a process is in."""


@contextmanager
def together(work: Callable[..., None], arguments: list[tuple]) -> Iterator[Callable[[], list[Any]]]:
    """Start a process for each tuple of arguments and wait until all are warm; give what runs one round of all.

    `work(pipe, *arguments)` calls `answer` with a first word when it is warm, and after each round with its result.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    team: list[tuple[Connection, BaseProcess]] = []

    def one_round() -> list[Any]:
        for pipe, _ in team:
            pipe.send(True)
        return [_received(pipe, process) for pipe, process in team]

    try:
        for given in arguments:
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, work, given))
            process.start()
            theirs.close()
            team.append((ours, process))
        for pipe, process in team:
            _received(pipe, process)
        yield one_round
    finally:
        for pipe, _ in team:
            pipe.close()
        for _, process in team:
            process.join(PATIENCE)
            process.kill()


def answer(pipe: Connection, word: object) -> None:
    """Send a word and wait for the next round; raises Stopped where there is none."""
    pipe.send(word)
    try:
        pipe.recv()
    except EOFError:
        raise Stopped from None


def _work(pipe: Connection, work: Callable[..., None], arguments: tuple) -> None:
    try:
        work(pipe, *arguments)
    except (Stopped, BrokenPipeError):
        pass
    except Exception:
        pipe.send(Failure(traceback.format_exc()))


def _received(pipe: Connection, process: BaseProcess) -> object:
    try:
        word = pipe.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"a process died with exit status {process.exitcode}") from None
    if isinstance(word, Failure):
        raise RuntimeError(word.trace)
    return word
