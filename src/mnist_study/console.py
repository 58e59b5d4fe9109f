"""A stage's two ends on the command line: its one argument, and the one line of an error."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_study.errors import StudyError


def argument(name: str, about: str) -> str:
    """Give the command's one argument; usage and exit status 2 where it is missing."""
    parser = argparse.ArgumentParser()
    parser.add_argument(name, help=about)
    return getattr(parser.parse_args(), name)


@contextmanager
def plain_errors() -> Iterator[None]:
    """End the process with the error's own lines and status 1, without a traceback; 130 after Ctrl-C.

    A traceback is shown all the same where the environment variable MNIST_STUDY_DEBUG is set.
    """
    try:
        yield
    except (StudyError, OSError) as error:
        if os.environ.get("MNIST_STUDY_DEBUG"):
            raise
        for line in _words(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _words(error: StudyError | OSError) -> str:
    """Name the file where the system refused one; our own errors do that themselves."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
