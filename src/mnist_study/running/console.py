"""What every command shares: errors in one line, signals, and a stage's one argument."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mnist_study.core.errors import UserError

DEBUG = "--debug"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal asked to stop.

    It is no KeyboardInterrupt: where one passes through `exec`, as while a dataclass is made, Python dies of SIGINT in
    the end, whatever status it was to exit with.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def argument(name: str, about: str) -> str:
    """Give the command's one argument; usage and exit status 2 where it is missing."""
    parser = argparse.ArgumentParser()
    parser.add_argument(name, help=about)
    return getattr(parser.parse_args(), name)


@contextmanager
def plain_errors() -> Iterator[None]:
    """End the process with the error's own lines and status 1, without a traceback.

    After Ctrl-C the status is 130, after SIGTERM 143, and a second such signal does nothing. A traceback of an error is
    shown all the same after the option --debug, which every command has, and with the environment variable
    MNIST_STUDY_DEBUG.
    """
    debug = DEBUG in sys.argv[1:] or bool(os.environ.get("MNIST_STUDY_DEBUG"))
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument != DEBUG]  # the commands' own parsers follow
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to end
    before = {}
    try:
        for number in SIGNALS:
            before[number] = signal.signal(number, _interrupt)
        yield
    except (UserError, OSError) as error:
        if debug:
            raise
        for line in _words(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as interrupted:
        print("interrupted", file=sys.stderr)
        sys.exit(128 + interrupted.number)
    finally:
        if signal.getsignal(signal.SIGINT) is _interrupt:
            for number, handler in before.items():
                signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Unwind, and ignore further signals."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)


def _words(error: UserError | OSError) -> str:
    """Name the file where the system refused one; our own errors do that themselves."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
