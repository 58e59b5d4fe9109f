"""Write all that training reads of a policy: ranges, mean and deviation of the images, kinds; and a contact sheet."""

import json
from dataclasses import asdict
from pathlib import Path

from mnist_study.augmentation import with_kinds
from mnist_study.core import files
from mnist_study.core.errors import UserError
from mnist_study.core.mnist import training_split
from mnist_study.core.policy import Policy
from mnist_study.running import console
from mnist_study.transforms.contact_sheet import draw_sheet
from mnist_study.transforms.normalisation import measure


def main(name: str) -> None:
    """Read build/policies/<policy>.json and data/mnist, write data/transforms/<policy>.json and .png."""
    source = Path(f"build/policies/{name}.json")
    if not source.exists():
        raise UserError(f"{source}: there is no such policy; `dvc repro configure` writes them")
    split = training_split(Path("data/mnist"))
    mean, sd = measure(split.images)
    ranges = json.loads(source.read_text())["ranges"]
    policy = with_kinds(Policy(mean, sd, {key: (low, high) for key, (low, high) in ranges.items()}))
    fields = {key: value for key, value in asdict(policy).items() if key != "kinds" or value}
    text = json.dumps(fields, indent=2, sort_keys=True) + "\n"
    target = Path("data/transforms") / f"{name}.json"
    files.write(target, text.encode())
    files.write(target.with_suffix(".png"), draw_sheet(name, policy, split))


if __name__ == "__main__":
    with console.plain_errors():
        main(console.argument("policy", "a name under `augmentations` in params.yaml"))
