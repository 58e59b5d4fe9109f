"""What people see: where an error's one line is printed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_study.errors import StudyError


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
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        sys.exit(130)
