"""What DVC itself costs as variants grow in number: `python -m tests.benchmarks.growth 6 60 250 1000`.

The study's variants and their entries of dvc.lock again and again under new names; processor seconds, one thread.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mnist_study.tools.lockfile import HEAD, entries
from tests.support import ROOT


def write(folder: Path, count: int) -> str:
    """Make a project of so many variants, with its dvc.lock, of the study's; give the last name."""
    for name in ("dvc.yaml", "src", "stages", "reference"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    head, variants = (ROOT / "params.yaml").read_text().split("\nvariants:\n")
    head = re.sub(r"\nchampions: .*", "\nchampions: []", head)
    lines = [line for line in variants.splitlines() if line.strip()]
    known = entries((ROOT / "dvc.lock").read_text())
    names = {}
    for number in range(count):
        line = lines[number % len(lines)]
        old = line.split(":")[0].strip()
        names[f"{old}-{number}"] = old, line.replace(old, f"{old}-{number}", 1)
    (folder / "params.yaml").write_text("\n".join([head, "variants:", *(line for _, line in names.values()), ""]))
    lock = [entry for name, entry in known.items() if not name.startswith(("train@", "evaluate@"))]
    for stage in ("train", "evaluate"):
        lock += [known[f"{stage}@{old}"].replace(old, name) for name, (old, _) in names.items()]
    (folder / "dvc.lock").write_text(HEAD + "".join(lock))
    return [*names][-1]


def seconds(do: Callable[[], object]) -> float:
    """Measure what a call takes of a processor."""
    before = time.process_time()
    do()
    return time.process_time() - before


def main(counts: list[int]) -> None:
    """Print a row of a table for each number of variants."""
    from dvc.dvcfile import Lockfile
    from dvc.repo import Repo

    print("variants  dvc.lock MB  a stage without dvc.lock  a stage  graph  an entry written")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            name = write(Path(folder), count)
            os.chdir(folder)
            size = Path("dvc.lock").stat().st_size / 1e6
            stages = Repo().stage.collect(f"train@{name}")
            write_one = seconds(lambda stages=stages: Lockfile(Repo(), "dvc.lock").dump_stages(stages))
            graph = seconds(lambda: Repo().index.graph)
            one = seconds(lambda name=name: Repo().stage.collect(f"train@{name}"))
            Path("dvc.lock").unlink()
            bare = seconds(lambda name=name: Repo().stage.collect(f"train@{name}"))
            print(f"{count:8} {size:12.2f} {bare:25.1f} {one:8.1f} {graph:6.1f} {write_one:17.1f}", flush=True)
        os.chdir(ROOT)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
