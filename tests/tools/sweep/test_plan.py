"""Plans: what they may say, and which images their trials train on and hold out."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mnist_study.core import mnist
from mnist_study.core.errors import UserError
from mnist_study.tools.sweep import plan as plans
from tests.support.tiny import DIGITS
from tests.tools.sweep.conftest import PLAN


@pytest.mark.parametrize("halving", ["[2, 1]", "[0, 1]", "[1, 3]", "[]", "2", "[1.0]", "[1, 1]"])
def test_halving_is_rising_numbers_of_seeds(plan: Path, halving: str):
    plan.write_text(PLAN + f"halving: {halving}\n")
    with pytest.raises(
        UserError, match=r"plan\.yaml: halving: .* given; allowed are rising numbers, from 1 to 2 seeds$"
    ):
        plans.rounds(plan)


def test_with_halving_all_trials_have_the_same_seeds(plan: Path):
    plan.write_text(PLAN.replace("train.lr: 0.01", "train.seeds: [1]") + "halving: [1]\n")
    with pytest.raises(UserError, match=r"plan\.yaml: halving: trials or variants with seeds of their own given"):
        plans.rounds(plan)


def test_a_trial_changes_what_it_names_and_nothing_else(plan: Path):
    slow, quick = (plans.trials(plan)[name].recipes[0] for name in ("slow", "quick"))
    assert (slow.lr, quick.lr) == (0.01, 0.1)
    assert replace(slow, lr=0.1) == quick


def test_a_mistake_in_a_trial_is_named(plan: Path):
    plan.write_text(PLAN.replace("train.lr: 0.01", "train.lr: -1"))
    with pytest.raises(UserError, match=r"plan, slow: train\.lr: -1"):
        plans.trials(plan)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials:", "trails:", "plan.yaml: has no `trials`"),
        (PLAN[PLAN.index("trials:") :], "trials: {}\nhalving: [1]\n", "plan.yaml: has no `trials`"),
        ("train.lr: 0.01", "trian.lr: 0.01", r"plan.yaml: trials\.slow\.trian\.lr: there is no section of that name"),
        ("slow: {train.lr: 0.01}", "slow: 3", r"plan.yaml: trials\.slow: 3 given; allowed are keys"),
        ("target: {", "target: {{", "plan.yaml, line 3: not valid YAML"),
    ],
)
def test_a_plan_that_is_none_is_named(plan: Path, old: str, new: str, message: str):
    plan.write_text(PLAN.replace(old, new))
    with pytest.raises(UserError, match=message) as error:
        plans.trials(plan)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "said"), [("side: 32", "side 32 and 10 classes"), ("classes: 9", "side 28 and 9 classes")]
)
def test_images_that_are_not_the_plans_are_named(plan: Path, training_images: Path, data: str, said: str):
    plan.write_text(PLAN.replace("data: {", f"data: {{{data}, "))
    with pytest.raises(UserError) as caught:
        plans.pending(plan, training_images, {})
    assert str(caught.value) == f"data, slow: {said} given; {training_images} has images of 28 x 28 with labels to 9"


def test_a_variant_that_holds_out_nothing_is_refused(plan: Path):
    plan.write_text(PLAN.replace("validation: 128", "validation: 0"))
    with pytest.raises(UserError, match=r"variants\.first\.validation: 0 given; a sweep scores"):
        plans.pending(plan, Path("nowhere"), {})


@pytest.mark.parametrize("halving", ["", "halving: [1, 2]\n"])
def test_a_variant_that_holds_out_all_images_is_refused(plan: Path, training_images: Path, halving: str):
    plan.write_text(PLAN.replace("validation: 128", f"validation: {DIGITS['train']}") + halving)
    rule = f"{DIGITS['train']:,} given; allowed are fewer than the {DIGITS['train']:,} training images"
    with pytest.raises(UserError, match=rf"^variants\.first\.validation: {rule}$"):
        plans.pending(plan, training_images, {})


def test_the_parts_share_no_image_and_the_first_is_the_pipelines(training_images: Path):
    split = mnist.training_split(training_images)
    split.labels[:] = torch.arange(len(split))  # so that a label tells which image it is
    held = [set(plans.hold_out(split, 100, part)[1].labels.tolist()) for part in range(len(split) // 100)]
    assert len(set.union(*held)) == 100 * len(held)
    assert held[0] == set(mnist.hold_out(split, 100)[1].labels.tolist())
    for part, of_part in enumerate(held):
        trained = set(plans.hold_out(split, 100, part)[0].labels.tolist())
        assert trained | of_part == set(range(len(split)))
        assert not trained & of_part
