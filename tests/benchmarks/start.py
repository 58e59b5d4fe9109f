"""Start one replica from nothing, as the pipeline does, and print its first seconds and its memory as JSON.

    python -m tests.benchmarks.start ENGINE STARTED FOLDER

STARTED is time.monotonic() before the start, FOLDER holds recipe.json and policy.json. Prints the seconds from STARTED
to the end of the first step, and the MiB at the peak of a short training; ours includes scoring the test images.
"""

import json
import resource
import sys
import time
from pathlib import Path

STEPS = 20


def main(engine: str, started: float, folder: Path) -> None:
    """Train one step, then some more; import no more than the engine needs."""
    from mnist_study.core.recipe import Recipe

    recipe = Recipe.read(folder / "recipe.json")
    if engine.startswith("plain"):
        from tests.benchmarks import plain_replica

        alone = engine == "plain"
        plain_replica.train_steps(recipe.architecture, recipe.batch_size, 1, alone=alone)
        first_step = time.monotonic() - started
        plain_replica.train_steps(recipe.architecture, recipe.batch_size, STEPS, alone=alone)
    else:
        from mnist_study.core.policy import Policy
        from tests.benchmarks import our_replica

        policy = Policy.read(folder / "policy.json")
        our_replica.train_steps(recipe, policy, 1, with_test=False)
        first_step = time.monotonic() - started
        our_replica.train_steps(recipe, policy, STEPS, with_test=True)
    print(json.dumps({"first_step_s": round(first_step, 2), "peak_mib": round(peak_memory())}))


def peak_memory() -> float:
    """Give this process's largest resident size in MiB.

    Linux's VmHWM where there is one: getrusage's ru_maxrss is inherited from the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
