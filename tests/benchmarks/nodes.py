"""Efficiency of a study on a Ray cluster by its number of nodes: `python -m tests.benchmarks.nodes data/mnist 1 2`.

Four equal variants of real images on nodes of one CPU each, all on this machine: no more nodes than it has cores.
Efficiency is the time on one node over the time on n, and over n. Times are the clock's, so let nothing else run.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support import COMMAND
from tests.support.checkout import PARAMS, Checkout, write_copy

LINE = "  v{}: {{architecture: two_pool, scheduler: step, augmentation: rotate, batch_size: 64, lr: 0.0{}}}\n"
VARIANTS, EPOCHS = 4, 6


def prepare(folder: Path, images: Path) -> Checkout:
    """Make a committed checkout of the variants, with all before them up to date and a shared remote."""
    write_copy(folder / "copy", images)
    lines = "".join(LINE.format(number, number + 1) for number in range(VARIANTS))
    head = PARAMS.partition("variants:\n")[0].replace("epochs: 1,", f"epochs: {EPOCHS},")
    head = head.replace("engine: torch", "engine: exact")
    (folder / "copy" / "params.yaml").write_text(f"{head}variants:\n{lines}")
    checkout = Checkout(folder / "copy", images)
    checkout.run("git", "init", "--quiet")
    checkout.repro("transforms")
    checkout.commit()
    checkout.run("dvc", "remote", "add", "--local", "shared", str(folder / "shared"))
    return checkout


def start(nodes: int) -> Any:
    """Start a head for the driver alone and so many nodes of one CPU."""
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 400 * 2**20}
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": {"worker_niceness": 0}}
    cluster = Cluster(initialize_head=True, head_node_args={**head, **small})
    for _ in range(nodes):
        cluster.add_node(num_cpus=1, **small)
    cluster.wait_for_nodes()
    return cluster


def seconds(checkout: Checkout, address: str) -> tuple[float, float]:
    """Measure a study: from the first task's start to the last one's end, and the whole command."""
    began, first, last = time.monotonic(), 0.0, 0.0
    command = [*COMMAND, "study", "--ray", address, "--remote", "shared"]
    with subprocess.Popen(command, cwd=checkout.folder, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout
        for line in driver.stdout:
            print("  ", line, end="", flush=True)
            first = first or (time.monotonic() if "variants to train on the cluster" in line else 0.0)
            last = time.monotonic() if re.search(rf"done in .* of {VARIANTS}$", line) else last
    if driver.returncode:
        raise SystemExit(f"the study ended with status {driver.returncode}")
    return last - first, time.monotonic() - began


def main(images: Path, counts: list[int]) -> None:
    """Print a line for each number of nodes."""
    one = 0.0
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            checkout = prepare(Path(folder), images)
            cluster = start(count)
            try:
                tasks, whole = seconds(checkout, cluster.address)
            finally:
                cluster.shutdown()
        one = one or tasks * count
        print(f"{count} nodes: {tasks:.0f} s of tasks, efficiency {one / tasks / count:.0%}; {whole:.0f} s in all")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), [int(word) for word in sys.argv[2:]])
