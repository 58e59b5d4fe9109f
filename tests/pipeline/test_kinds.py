"""A new kind of augmentation makes no training stale, and an edited one only those whose policy uses it."""

import json
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, write_copy

KINDS = Path("src/mnist_study/augmentation")
POLICY = "  foggy: {rotation: 7, blur: 0.8}\n"
FOGGY = "  foggy: {architecture: one_pool, scheduler: step, augmentation: foggy, batch_size: 64}\n"
TURNED = FOGGY.replace("foggy", "turned", 1).replace("foggy", "rotate")
NEW = """\
\"\"\"Every pixel inverted with a probability; no policy uses it yet.\"\"\"

ORDER = 25
PARAMETERS = ("inversion",)


def apply(pixels, drawn, numbers, seed, epoch):
    return pixels
"""


@pytest.fixture
def trained(tmp_path: Path, tiny_mnist: Path) -> Checkout:
    """A copy with two variants as after their training, which is left out: their outs are made up."""
    write_copy(tmp_path, tiny_mnist)
    checkout = Checkout(tmp_path, tiny_mnist)
    checkout.edit("params.yaml", "\naugmentations:\n", f"\naugmentations:\n{POLICY}")
    params = (tmp_path / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params.partition("\nvariants:\n")[0] + "\nvariants:\n" + FOGGY + TURNED)
    checkout.run("git", "init", "--quiet")
    checkout.repro("transforms")
    for name in ("foggy", "turned"):
        for out in (f"models/{name}/seed-0.safetensors", f"results/training/{name}.json"):
            (tmp_path / out).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / out).write_text("made up")
    checkout.run("dvc", "commit", "--quiet", "--force", "train")
    return checkout


def stale(checkout: Checkout) -> set[str]:
    """The trainings that are stale when `transforms` has run."""
    assert all(stage.startswith("transforms@") for stage in checkout.repro("transforms"))
    return set(json.loads(checkout.run("dvc", "status", "--json", "train").stdout))


@pytest.mark.slow
@pytest.mark.changes
def test_only_the_users_of_an_edited_kind_get_stale(trained: Checkout):
    assert stale(trained) == set()
    (trained.folder / KINDS / "inversion.py").write_text(NEW)
    assert stale(trained) == set()
    trained.edit(f"{KINDS}/blur.py", '"""Blur', '"""A blur')
    assert stale(trained) == {"train@foggy"}
    trained.edit(f"{KINDS}/affine.py", '"""Rotation', '"""A rotation')
    assert stale(trained) == {"train@foggy", "train@turned"}
