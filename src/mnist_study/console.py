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
    except StudyError as error:
        if os.environ.get("MNIST_STUDY_DEBUG"):
            raise
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if os.environ.get("MNIST_STUDY_DEBUG"):
            raise
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {where}{error.strerror or error}")
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        sys.exit(130)
