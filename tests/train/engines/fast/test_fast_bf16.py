"""The fast engine in bf16: as near to float64 as PyTorch's autocast, and nearer where the choices are the same."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from mnist_study import architectures
from mnist_study.core.recipe import Recipe
from mnist_study.train.engines.fast import FastEngine, engine
from tests.support.float64 import (
    ARCHITECTURES,
    IMAGES,
    all_gradients,
    digits,
    error,
    networks,
    reference,
    relative,
    with_choices_of,
)

pytestmark = [pytest.mark.usefixtures("checked_kernels"), pytest.mark.slow]


@pytest.fixture
def bf16(monkeypatch: pytest.MonkeyPatch, recipe: Recipe) -> Recipe:
    """A recipe in bf16; without the instruction the kernels compute the same, slowly."""
    monkeypatch.setattr(engine, "multiplies_bf16", lambda: True)
    return replace(recipe, precision="bf16", batch_size=IMAGES)


@pytest.mark.parametrize(
    "architecture",
    [pytest.param(name, marks=[] if name.endswith("_pool") else pytest.mark.slow) for name in ARCHITECTURES],
)
def test_bf16_is_as_near_to_float64_as_autocast_is(architecture: str, bf16: Recipe):
    ours, theirs = [], []
    for seed in range(4):
        torch.manual_seed(seed)
        model = architectures.build(architecture, **ARCHITECTURES[architecture])
        images, labels = digits(64, seed)
        exact = reference(model, seed=7)
        autocast = copy.deepcopy(exact).float()
        F.cross_entropy(exact(images.double()), labels).backward()
        with torch.autocast("cpu", torch.bfloat16):
            logits = autocast(images)
        F.cross_entropy(logits.float(), labels).backward()
        trained = FastEngine(model, replace(bf16, batch_size=64))
        trained.begin_epoch(7)
        trained.forward_backward(images, labels)
        ours.append(error(model, exact))
        theirs.append(error(autocast, exact))
    assert sum(ours) < 1.15 * sum(theirs)  # both are mostly ReLUs that decide otherwise; their difference is chance


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(model=networks(), blocks=st.integers(1, 3))
def test_any_order_of_known_layers_is_near_float64_in_bf16(model: nn.Sequential, blocks: int, bf16: Recipe):
    images, labels = digits(16 * blocks)
    exact = reference(model, seed=7)
    ours = FastEngine(model, replace(bf16, batch_size=16 * blocks))
    ours.begin_epoch(7)
    loss, _ = ours.forward_backward(images, labels)
    same_choices = with_choices_of(ours, exact, len(images))
    exact_loss = F.cross_entropy(same_choices(images.double()), labels)
    exact_loss.backward()
    assert loss == pytest.approx(exact_loss.item(), rel=0.05)
    assert error(model, same_choices) < 0.1
    for (name, one), other in zip(model.named_buffers(), same_choices.buffers(), strict=True):
        assert relative(one, other.double(), floor=0.1) < 0.05, name


def test_the_two_precisions_are_two(bf16: Recipe):
    gradients = []
    for precision in ("bf16", "fp32"):
        torch.manual_seed(3)
        model = architectures.build("two_pool")
        trained = FastEngine(model, replace(bf16, precision=precision))
        assert trained.precision == precision
        trained.forward_backward(*digits(IMAGES))
        gradients.append(all_gradients(model))
    assert not torch.equal(*gradients)


def test_scores_are_in_fp32_whatever_the_precision(bf16: Recipe):
    torch.manual_seed(3)
    model = architectures.build("two_pool")
    exact = copy.deepcopy(model).double().eval()
    images = digits(20)[0]
    trained = FastEngine(model, bf16)
    assert trained.precision == "bf16"
    assert relative(trained.logits(model, images), exact(images.double())) < 1e-5


def test_bf16_is_fp32_where_the_processor_has_no_instruction_for_it(monkeypatch: pytest.MonkeyPatch, bf16: Recipe):
    monkeypatch.setattr(engine, "multiplies_bf16", lambda: False)
    assert FastEngine(architectures.build("two_pool"), bf16).precision == "fp32"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_short_batch_after_a_whole_one_is_as_without_it(precision: str, bf16: Recipe):
    """What the longer batch left in memory plays no part."""
    torch.manual_seed(3)
    after, alone = (architectures.build("two_pool") for _ in range(2))
    alone.load_state_dict(after.state_dict())
    losses, gradients = [], []
    for model, size in ((after, 64), (alone, 16)):
        fast = FastEngine(model, replace(bf16, precision=precision, batch_size=size))
        if size == 64:
            fast.forward_backward(*digits(64))
        losses.append(fast.forward_backward(*digits(16, seed=1))[0])
        gradients.append(all_gradients(model))
    assert losses[0] == losses[1]
    assert torch.equal(*gradients)
