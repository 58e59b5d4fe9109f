"""A checkout with many variants, all up to date without a training: `python -m tests.faults.many_variants 1000 FOLDER`.

It prints the seconds of `configure` and of a `dvc repro` that has nothing to do.
"""

import hashlib
import re
import resource
import sys
import time
from pathlib import Path

from mnist_study.tools.lockfile import HEAD, entries
from tests.support.checkout import Checkout, write_copy
from tests.support.tiny import write_tiny_mnist

LINE = "  v{}: {{architecture: one_pool, scheduler: step, augmentation: rotate, batch_size: 64, lr: {}}}\n"


def write(folder: Path, count: int) -> Checkout:
    """Write the project with so many variants."""
    write_tiny_mnist(folder / "mnist")
    write_copy(folder / "copy", folder / "mnist")
    params = folder / "copy" / "params.yaml"
    head = params.read_text().partition("variants:\n")[0]
    params.write_text(head + "variants:\n" + "".join(LINE.format(n, 0.01 + n / 1e5) for n in range(count)))
    return Checkout(folder / "copy", folder / "mnist")


def pretend(checkout: Checkout, count: int) -> None:
    """Put something where each stage would write, and have dvc.lock take it for the results.

    DVC itself writes the entries of the first variant and of the report; the others are copies, for DVC would read and
    write all of dvc.lock for each.
    """
    names = {"metrics/logits.json", "metrics/summary.json", "metrics/variants.json", "reports/study.md"}
    for number in range(count):
        names |= {f"models/v{number}/seed-0.safetensors", f"results/predictions/v{number}.npz"}
        names |= {f"results/{kind}/v{number}.json" for kind in ("training", "evaluation")}
    for name in names:
        path = checkout.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("something")
    checkout.run("dvc", "commit", "--force", "--quiet", "train@v0", "evaluate@v0")
    lock = checkout.folder / "dvc.lock"
    found = entries(lock.read_text())
    for kind in ("train", "evaluate"):
        found |= {f"{kind}@v{number}": copied(found[f"{kind}@v0"], number, checkout) for number in range(count)}
    lock.write_text(HEAD + "".join(found.values()))
    checkout.run("dvc", "commit", "--force", "--quiet", "report")


def copied(entry: str, number: int, checkout: Checkout) -> str:
    """Turn the first variant's entry into another's, which has a recipe of its own."""
    recipe = (checkout.folder / "build" / "recipes" / f"v{number}.json").read_bytes()
    facts = f"md5: {hashlib.md5(recipe, usedforsecurity=False).hexdigest()}\n      size: {len(recipe)}\n"
    entry = re.sub(r"\bv0\b", f"v{number}", entry)
    return re.sub(rf"(recipes/v{number}\.json\n      hash: md5\n      )md5: .*\n      size: .*\n", rf"\1{facts}", entry)


def seconds(checkout: Checkout, *command: str) -> str:
    """Time a command, the quickest of two; the processor's seconds tell more than the clock's on a busy machine."""
    times, works = [], []
    for _ in range(2):
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        checkout.run(*command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(time.monotonic() - began)
        works.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return f"{min(works):.1f} s of a processor, {min(times):.1f} s in all"


def main() -> None:
    """Make the checkout and print its times."""
    count, folder = int(sys.argv[1]), Path(sys.argv[2]) / sys.argv[1]
    checkout = write(folder, count)
    print(f"{count} variants: configure {seconds(checkout, sys.executable, '-m', 'stages.configure')}", flush=True)
    checkout.run("git", "init", "--quiet")
    checkout.run("dvc", "repro", "--quiet", "transforms")
    pretend(checkout, count)
    assert not (ran := checkout.repro()), ran
    print(f"{count} variants: dvc repro, nothing to do {seconds(checkout, 'dvc', 'repro')}", flush=True)


if __name__ == "__main__":
    main()
