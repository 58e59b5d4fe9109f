"""DVC's command line without what it says of stages that did not change."""

import io
import logging
from contextlib import redirect_stdout

from dvc.cli import main

NOISE = {
    "dvc.stage": "didn't change, skipping",
    "dvc_data.index.checkout": "No file hash info found for",  # a new variant's results, which are not there yet
}


def run(*arguments: str) -> int:
    """Run DVC in this process, so that stages keep the terminal for their progress; give its exit status.

    What DVC itself writes to sys.stdout is dropped (hints, what a pull fetched), but not its log and what stages print.
    """
    for name, words in NOISE.items():
        logging.getLogger(name).addFilter(lambda record, words=words: words not in str(record.msg))
    with redirect_stdout(io.StringIO()):
        return main(list(arguments))
