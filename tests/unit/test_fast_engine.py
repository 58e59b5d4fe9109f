"""The fast engine held against PyTorch in float64: every architecture, and networks made up by hypothesis."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mnist_study import models
from mnist_study.fast import FastEngine, chain, engine, kernel, network, unsupported
from mnist_study.fast.layout import LANES
from mnist_study.recipe import Recipe
from mnist_study.replica import train_one
from tests.unit.test_training import ROTATE

ARCHITECTURES = {
    "vanilla": {},
    "dropout": {"dropout": 0.1},
    "transition_fc": {"dropout": 0.1},
    "transition": {"dropout": 0.1},
    "two_pool": {"dropout": 0.05},
    "one_pool": {"dropout": 0.05},
}
IMAGES = 32


@pytest.fixture(autouse=True, scope="module")
def checked_kernels():
    """Let kernels check the sizes that they are given."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_STUDY_DEBUG", "1")
        kernel.target.cache_clear()
        yield
    kernel.target.cache_clear()


def digits(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, 28, 28, generator=generator), torch.randint(0, 10, (count,), generator=generator)


def tied(layer: nn.Conv2d) -> nn.Conv2d:
    """Make another convolution of the same weights."""
    other = nn.Conv2d(1, 1, 3)
    other.weight = layer.weight
    return other


class KnownDropout(nn.Module):
    """Dropout by the mask that the fast engine draws for this seed: written a second time, in numpy."""

    def __init__(self, seed: int, rate: float) -> None:
        super().__init__()
        self.seed, self.rate = seed, rate

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return images
        n, channels, side, _ = images.shape
        stored = -(-channels // 4) * 4
        shape = (n // LANES, stored, side, side, LANES)
        bits = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape) ^ np.uint32(self.seed)
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            bits = (bits ^ (bits >> np.uint32(shift))) * np.uint32(factor)
        bits ^= bits >> np.uint32(16)
        kept = (bits >= round(self.rate * 2**32))[:, :channels].transpose(0, 4, 1, 2, 3).reshape(images.shape)
        return images * torch.from_numpy(kept) / (1 - self.rate)


def reference(model: nn.Sequential, seed: int) -> nn.Sequential:
    """Give the model in float64, its dropouts with the masks of the engine's first step after `begin_epoch(seed)`."""
    seeds = np.random.default_rng(seed)
    layers = []
    for layer in copy.deepcopy(model).double():
        if isinstance(layer, nn.Dropout):
            layer = KnownDropout(int(seeds.integers(2**32)), layer.p) if layer.p else nn.Identity()
        layers.append(layer)
    return nn.Sequential(*layers)


class Masked(nn.Module):
    """A ReLU that is open where it was in the engine: float32 and float64 part ways where a value is all but zero."""

    def __init__(self, open_: Tensor) -> None:
        super().__init__()
        self.open = open_

    def forward(self, images: Tensor) -> Tensor:
        return images * self.open


class Picked(nn.Module):
    """A pooling that picks from each 2x2 what the engine picked."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        _, self.picks = F.max_pool2d(values, 2, return_indices=True)

    def forward(self, images: Tensor) -> Tensor:
        picked = images.flatten(2).gather(2, self.picks.flatten(2))
        return picked.reshape(self.picks.shape)


def with_choices_of(engine: FastEngine, exact: nn.Sequential, count: int) -> nn.Sequential:
    """Give the float64 network with every ReLU and pooling replaced by what the engine's last batch chose."""
    cells, head = network.read(engine.model)
    known = iter([layer for layer in exact if isinstance(layer, KnownDropout)])
    assert isinstance(engine.model, nn.Sequential)
    modules: dict[nn.Module, nn.Module] = dict(zip(engine.model, exact, strict=True))
    layers: list[nn.Module] = []
    values = torch.empty(0)
    for node, cell in zip(engine.stack.nodes, cells, strict=True):
        if isinstance(cell.source, nn.MaxPool2d):
            layers.append(Picked(values))
        elif cell.source is not None:
            layers.append(modules[cell.source])
        rows = torch.from_numpy(node.chain.rows[: node.channels].copy()).view(1, node.channels, 1, 1, -1)
        values = torch.maximum(node.values.take(count, node.channels), rows[..., chain.FLOOR])
        if cell.first_relu:
            layers.append(Masked(values > 0))
        if cell.norm is not None:
            layers.append(modules[cell.norm])
        values = values * rows[..., chain.SCALE] + rows[..., chain.SHIFT]
        if cell.last_relu:
            layers.append(Masked(values > 0))
            values = values.relu()
        if cell.dropout:
            layers.append(next(known))
            values = layers[-1](values)
    return nn.Sequential(*layers, *(modules[layer] for layer in head))


def relative(ours: Tensor, theirs: Tensor, floor: float = 1e-3) -> float:
    """The largest difference as a share of the largest value, or of `floor` where all values are smaller."""
    return ((ours.double() - theirs).abs().max() / theirs.abs().max().clamp(min=floor)).item()


def assert_equal_step(model: nn.Sequential, recipe: Recipe, count: int = IMAGES, floor: float = 1e-3) -> None:
    """Take a step with both; compare loss, classes, gradients, running statistics, and scores afterwards.

    `floor` is the size below which a gradient or statistic is nothing but rounding.
    """
    images, labels = digits(count)
    exact = reference(model, seed=7)
    fast = FastEngine(model, recipe)
    fast.begin_epoch(7)
    loss, predicted = fast.gradients(images, labels)
    same_choices = with_choices_of(fast, copy.deepcopy(exact), count)
    F.cross_entropy(same_choices(images.double()), labels, label_smoothing=recipe.label_smoothing).backward()
    for (name, ours), theirs in zip(model.named_parameters(), same_choices.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert relative(ours.grad, theirs.grad, floor) < 1e-4, name

    scores = exact(images.double())
    exact_loss = F.cross_entropy(scores, labels, label_smoothing=recipe.label_smoothing)
    assert loss == pytest.approx(exact_loss.item(), rel=1e-4)
    assert torch.equal(predicted, scores.argmax(1))
    for (name, ours), theirs in zip(model.named_buffers(), exact.buffers(), strict=True):
        assert relative(ours, theirs.double(), floor) < 1e-4, name
    exact.eval()
    others = digits(20, seed=1)[0]
    assert relative(fast.scores(model, others), exact(others.double())) < 1e-4


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_equals_float64(architecture: str, recipe: Recipe):
    torch.manual_seed(3)
    model = models.build(architecture, **ARCHITECTURES[architecture])
    assert unsupported(model, replace(recipe, batch_size=IMAGES), 60_000) is None
    assert_equal_step(model, replace(recipe, batch_size=IMAGES, label_smoothing=0.1))


def convolution(channels: int, out: int, *, size: int, padding: int, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(channels, out, size, padding=padding if size == 3 else 0, bias=bias)


@st.composite
def networks(draw: st.DrawFn) -> nn.Sequential:
    """Any order of the layers that the engine knows."""
    torch.manual_seed(draw(st.integers(0, 1000)))
    layers: list[nn.Module] = []
    channels, side = 1, 28
    for kind in draw(st.lists(st.sampled_from(["conv", "relu", "norm", "drop", "pool"]), min_size=1, max_size=7)):
        match kind:
            case "conv":
                size, padding = draw(st.sampled_from([1, 3])), draw(st.sampled_from([0, 1] if side >= 5 else [1]))
                out = draw(st.integers(1, 9))
                layers.append(convolution(channels, out, size=size, padding=padding, bias=draw(st.booleans())))
                channels, side = out, side if size == 1 or padding else side - 2
            case "pool" if side >= 4:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            case "norm":
                norm = nn.BatchNorm2d(channels)
                nn.init.normal_(norm.weight)  # also below zero, where the order of norm and maximum matters
                layers.append(norm)
            case "relu":
                layers.append(nn.ReLU())
            case "drop":
                layers.append(nn.Dropout(0.2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def all_gradients(model: nn.Module) -> Tensor:
    return torch.cat([p.grad.double().flatten() for p in model.parameters() if p.grad is not None])


def error(model: nn.Module, exact: nn.Module) -> float:
    """The distance of two networks' gradients as a share of the exact one's length."""
    return ((all_gradients(model) - all_gradients(exact)).norm() / all_gradients(exact).norm()).item()


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
        model = models.build(architecture, **ARCHITECTURES[architecture])
        images, labels = digits(64, seed)
        exact = reference(model, seed=7)
        autocast = copy.deepcopy(exact).float()
        F.cross_entropy(exact(images.double()), labels).backward()
        with torch.autocast("cpu", torch.bfloat16):
            scores = autocast(images)
        F.cross_entropy(scores.float(), labels).backward()
        trained = FastEngine(model, replace(bf16, batch_size=64))
        trained.begin_epoch(7)
        trained.gradients(images, labels)
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
    loss, _ = ours.gradients(images, labels)
    same_choices = with_choices_of(ours, exact, len(images))
    exact_loss = F.cross_entropy(same_choices(images.double()), labels)
    exact_loss.backward()
    assert loss == pytest.approx(exact_loss.item(), rel=0.05)
    assert error(model, same_choices) < 0.1
    for (name, one), other in zip(model.named_buffers(), same_choices.buffers(), strict=True):
        assert relative(one, other.double(), floor=0.1) < 0.05, name


def test_scores_are_in_fp32_whatever_the_precision(bf16: Recipe):
    torch.manual_seed(3)
    model = models.build("two_pool")
    exact = copy.deepcopy(model).double().eval()
    images = digits(20)[0]
    trained = FastEngine(model, bf16)
    assert trained.precision == "bf16"
    assert relative(trained.scores(model, images), exact(images.double())) < 1e-5


def test_bf16_is_fp32_where_the_processor_has_no_instruction_for_it(monkeypatch: pytest.MonkeyPatch, bf16: Recipe):
    monkeypatch.setattr(engine, "multiplies_bf16", lambda: False)
    assert FastEngine(models.build("two_pool"), bf16).precision == "fp32"


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(model=networks())
def test_any_order_of_known_layers_equals_float64(model: nn.Sequential, recipe: Recipe):
    assert unsupported(model, replace(recipe, batch_size=16), 160) is None
    assert_equal_step(model, replace(recipe, batch_size=16), count=16, floor=0.1)


def test_a_short_last_batch_equals_float64(recipe: Recipe):
    torch.manual_seed(3)
    assert_equal_step(models.build("two_pool"), replace(recipe, batch_size=64), count=16)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_short_batch_after_a_whole_one_is_as_without_it(precision: str, bf16: Recipe):
    """What the longer batch left in memory plays no part."""
    torch.manual_seed(3)
    after, alone = (models.build("two_pool") for _ in range(2))
    alone.load_state_dict(after.state_dict())
    losses, gradients = [], []
    for model, size in ((after, 64), (alone, 16)):
        fast = FastEngine(model, replace(bf16, precision=precision, batch_size=size))
        if size == 64:
            fast.gradients(*digits(64))
        losses.append(fast.gradients(*digits(16, seed=1))[0])
        gradients.append(all_gradients(model))
    assert losses[0] == losses[1]
    assert torch.equal(*gradients)


def test_dropout_in_the_head_is_seeded_as_well(recipe: Recipe):
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 10)]
    model = nn.Sequential(nn.Conv2d(1, 4, 3), *head)
    fast = FastEngine(model, replace(recipe, batch_size=IMAGES))
    losses = []
    for seed in (1, 1, 2):
        fast.begin_epoch(seed)
        losses.append(fast.gradients(*digits(IMAGES))[0])
    assert losses[0] == losses[1] != losses[2]


def test_scores_of_an_average_are_its_own(recipe: Recipe):
    torch.manual_seed(3)
    model, other = models.build("two_pool"), models.build("two_pool")
    fast = FastEngine(model, replace(recipe, batch_size=IMAGES))
    images = digits(20)[0]
    ours = fast.scores(other, images)
    assert relative(ours, copy.deepcopy(other).double().eval()(images.double())) < 1e-5
    assert model.training
    assert other.training


def test_equal_seeds_drop_equal_pixels_and_the_next_step_drops_others(recipe: Recipe):
    torch.manual_seed(3)
    model = models.build("two_pool", dropout=0.3)
    fast = FastEngine(model, replace(recipe, batch_size=IMAGES))
    images, labels = digits(IMAGES)
    losses = []
    for seed in (1, 1, 2):
        fast.begin_epoch(seed)
        losses.append([fast.gradients(images, labels)[0] for _ in range(2)])
    assert losses[0] == losses[1] != losses[2]
    assert losses[0][0] != losses[0][1]


def test_an_epoch_goes_as_in_the_torch_engine(recipe: Recipe, tiny_mnist: Path):
    """Ten steps at a rate that makes rounding grow but little: the curves lie on one another."""
    calm = replace(recipe, architecture="vanilla", lr=0.01, epochs=1)
    rows = {}
    for name in ("torch", "fast"):
        rows[name] = train_one(replace(calm, engine=name), 0, ROTATE, tiny_mnist, lambda sign: None)
    assert (rows["torch"].engine, rows["fast"].engine) == ("torch", "fast")
    ours, theirs = rows["fast"].history[0], rows["torch"].history[0]
    assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-3)
    assert ours["test_loss"] == pytest.approx(theirs["test_loss"], rel=1e-2)
    assert ours["train_accuracy"] == pytest.approx(theirs["train_accuracy"], abs=1.0)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.LeakyReLU(), "it has a layer that it does not know, LeakyReLU(negative_slope=0.01) (number 1)"),
        (nn.Conv2d(4, 4, 5), "Conv2d(4, 4, kernel_size=(5, 5), stride=(1, 1)) (number 1)"),
        (nn.Conv2d(4, 4, 3, stride=2), "stride=(2, 2)) (number 1)"),
        (nn.MaxPool2d(3), "MaxPool2d(kernel_size=3"),
    ],
)
def test_an_unknown_layer_is_named(layer: nn.Module, reason: str, recipe: Recipe):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), layer, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    assert reason in (unsupported(model, recipe, 640) or "")


def test_a_network_that_is_no_sequential_or_never_averages_is_named(recipe: Recipe):
    assert unsupported(nn.Conv2d(1, 10, 28), recipe, 640) == "it is a Conv2d, not a Sequential"
    assert (
        unsupported(nn.Sequential(nn.Conv2d(1, 10, 3)), recipe, 640) == "it does not average over the image at the end"
    )


def test_a_convolution_used_again_behind_the_average_is_named(recipe: Recipe):
    again = nn.Conv2d(1, 1, 1)
    model = nn.Sequential(again, nn.AdaptiveAvgPool2d(1), again, nn.Flatten(), nn.Linear(1, 10))
    assert unsupported(model, recipe, 640) == "it uses a layer again behind the average"


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (
            [nn.Conv2d(1, 1, 3), norm := nn.BatchNorm2d(1), nn.ReLU(), norm],
            "it uses a layer twice that is no convolution",
        ),
        ([one := nn.Conv2d(1, 1, 3), tied(one)], "two of its layers share weights"),
    ],
)
def test_what_is_shared_but_a_convolution_is_named(layers: list[nn.Module], reason: str, recipe: Recipe):
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 10))
    assert unsupported(model, recipe, 640) == reason


@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_used_again_learns_from_each_use(bias: bool, recipe: Recipe):
    torch.manual_seed(3)
    again, small = nn.Conv2d(6, 6, 3, padding=1, bias=bias), nn.Conv2d(6, 6, 1, bias=bias)
    layers = [nn.Conv2d(1, 6, 3), again, nn.BatchNorm2d(6), nn.ReLU(), small, again, nn.MaxPool2d(2), again, small]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10))
    assert unsupported(model, recipe, 640) is None
    assert_equal_step(model, replace(recipe, batch_size=IMAGES))


def test_batches_that_fill_no_vectors_are_named(recipe: Recipe):
    model = models.build("vanilla")
    assert unsupported(model, replace(recipe, batch_size=50), 640) == "a batch of 50 images is no multiple of 16"
    assert unsupported(model, recipe, 650) == "an epoch of 650 images is no multiple of 16"
