"""The variants of params.yaml that are rows of the study are of its kind, the champions within their limits."""

import pytest

from mnist_study.configure import build, describe
from tests.support.studies import PUBLISHED
from tests.test_documents import committed

LIMITS = {
    "champion": 20_000,
    "champion_10k": 10_000,
    "champion_5k": 5_000,
    "champion_2k": 2_000,
    "champion_1k": 1_000,
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """The plan as git has it: a variation in the working tree is no mistake."""
    path = tmp_path_factory.mktemp("committed") / "params.yaml"
    path.write_text(committed("params.yaml"))
    return build.read(path)


@pytest.fixture(scope="module")
def network_of(plan):
    return {variant: network for network in describe.networks(plan.recipes) for variant in network.variants}


def test_each_row_is_of_the_published_kind(plan, network_of):
    for recipe in plan.recipes:
        if recipe.variant not in PUBLISHED:
            continue
        row = PUBLISHED[recipe.variant]
        fields = ("architecture", "scheduler", "augmentation", "batch_size")
        assert [getattr(recipe, field) for field in fields] == [getattr(row, field) for field in fields]
        assert network_of[recipe.variant].dropout == row.dropout, recipe.variant
        assert network_of[recipe.variant].parameters == row.parameters, recipe.variant


def test_all_rows_are_trained_by_one_recipe(plan):
    left_open = ("epochs", "lr", "momentum", "nesterov", "weight_decay", "label_smoothing", "ema")
    left_open += ("anneal_epochs", "anneal_strength", "validation")  # rows land one by one with another engine
    recipes = [recipe for recipe in plan.recipes if recipe.variant in PUBLISHED]
    assert len({tuple(getattr(recipe, field) for field in left_open) for recipe in recipes}) <= 1


def test_a_champion_keeps_to_its_limit(plan, network_of):
    for name in LIMITS.keys() & network_of.keys():
        assert network_of[name].parameters < LIMITS[name]
