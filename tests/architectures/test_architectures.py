"""The study's six networks: counts, sizes, receptive fields; the champion's layout; the tables that print them."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from mnist_study.architectures import build, count_parameters
from mnist_study.configure import describe
from mnist_study.configure.describe import architecture_names, options, rows
from mnist_study.core.errors import UserError
from mnist_study.tools.show_networks import show

PARAMETERS = {
    "vanilla": 9186,
    "dropout": 9178,
    "transition_fc": 9320,
    "transition": 9210,
    "two_pool": 6290,
    "one_pool": 6290,
}
FULL_WIDTH = ["vanilla", "dropout", "transition_fc", "transition"]
FULL_WIDTH_SIZES = [
    "4x28x28",
    "8x28x28",
    "12x28x28",
    "16x28x28",
    "20x28x28",
    "4x14x14",
    "8x12x12",
    "12x10x10",
    "16x8x8",
]
REDUCED_SIZES = ["8x28x28", "8x28x28", "8x28x28", "8x14x14"]
CONVOLUTION_SIZES = {
    "vanilla": FULL_WIDTH_SIZES,
    "dropout": FULL_WIDTH_SIZES,
    "transition_fc": [*FULL_WIDTH_SIZES, "10x8x8"],
    "transition": [*FULL_WIDTH_SIZES, "10x8x8"],
    "two_pool": [*REDUCED_SIZES, "8x14x14", "8x14x14", "16x5x5", "16x3x3"],
    "one_pool": [*REDUCED_SIZES, "8x12x12", "8x10x10", "16x8x8", "16x6x6"],
}

every_architecture = pytest.mark.parametrize("architecture", PARAMETERS)


def written(size):
    return "x".join(str(side) for side in size)


def test_the_studys_architectures_and_the_champions_are_there():
    assert {*PARAMETERS, "champion"} <= {*architecture_names()}


def test_a_layout_names_the_champions_layers():
    layers = rows(build("champion", layout="8 12 pool 6x1 16"))
    sizes = [written(layer.output_size) for layer in layers if layer.name.startswith(("Conv2d", "MaxPool2d"))]
    assert sizes == ["8x28x28", "12x28x28", "12x14x14", "6x14x14", "16x14x14"]
    filters = 9 * (8 + 8 * 12 + 6 * 16) + 12 * 6
    assert sum(layer.parameters for layer in layers) == filters + 2 * (8 + 12 + 6 + 16) + 170


@pytest.mark.parametrize("layout", ["8 twelve", "8 0", "8 -4", "8 Pool", "8 4x3", "8 x1"])
def test_a_layout_of_anything_else_is_refused(layout):
    with pytest.raises(
        ValueError, match=f"layout: '{layout.split()[1]}' given; allowed are widths, as 16 or 16x1, again and pool"
    ):
        build("champion", layout=layout)


def test_a_network_that_gives_no_ten_scores_is_refused_with_its_default_options(monkeypatch):
    stand_in = ModuleType("mine")
    monkeypatch.setitem(sys.modules, "mnist_study.architectures.mine", stand_in)
    stand_in.__dict__["build"] = lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 9))
    with pytest.raises(ValueError, match=r"^an image gives \(9,\), not 10 logits$"):
        describe.count_parameters("mine", {}, run_below=20_000)
    stand_in.__dict__["build"] = lambda: nn.Sequential(nn.Flatten(), nn.Linear(700, 10))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        describe.count_parameters("mine", {}, run_below=20_000)


def test_a_file_that_builds_nothing_is_no_architecture(monkeypatch):
    monkeypatch.setitem(sys.modules, "mnist_study.architectures.one_pool", ModuleType("one_pool"))
    with pytest.raises(
        UserError, match=r"^architectures/one_pool\.py: has no function `build`, so it is no architecture$"
    ):
        architecture_names()


@pytest.mark.parametrize("layout", ["again", "pool again", "8 again", "8 pool again", "8 8 12 pool again"])
def test_again_only_follows_a_convolution_that_keeps_the_channels(layout):
    with pytest.raises(ValueError, match="'again' given; allowed only after a convolution that keeps the number of"):
        build("champion", layout=layout)


def test_a_convolution_used_again_has_its_parameters_once():
    model = build("champion", layout="8 8 again again pool again 8x1 again")
    layers = rows(model)
    convolutions = [layer for layer in layers if layer.name.startswith("Conv2d")]
    assert [layer.parameters for layer in convolutions] == [72, 576, 0, 0, 0, 64, 0]
    assert [layer.multiply_accumulates for layer in convolutions[1:5]] == [576 * 28 * 28] * 3 + [576 * 14 * 14]
    assert [layer.name for layer in convolutions[1:3]] == ["Conv2d 3x3", "Conv2d 3x3 again"]
    assert sum(layer.parameters for layer in layers) == count_parameters(model)


@every_architecture
def test_parameters_are_as_published(architecture):
    assert sum(layer.parameters for layer in rows(build(architecture))) == PARAMETERS[architecture]


@pytest.mark.parametrize("architecture", ["two_pool", "one_pool"])
def test_dropout_adds_no_parameters(architecture):
    layers = rows(build(architecture, dropout=0.04))
    assert sum(layer.parameters for layer in layers) == PARAMETERS[architecture]
    # one after each block: each convolution but the transition's
    blocks = sum(layer.name == "Conv2d 3x3" for layer in layers)
    assert [layer.name for layer in layers].count("Dropout 4 %") == blocks


@every_architecture
def test_convolutions_give_the_published_sizes(architecture):
    sizes = [written(layer.output_size) for layer in rows(build(architecture)) if layer.name.startswith("Conv2d")]
    assert sizes == CONVOLUTION_SIZES[architecture]


@every_architecture
def test_scores_are_ten_finite_numbers_and_every_parameter_learns(architecture):
    torch.manual_seed(0)
    model = build(architecture)
    logits = model(torch.randn(8, 1, 28, 28))
    assert logits.shape == (8, 10)
    assert logits.isfinite().all()
    torch.nn.functional.cross_entropy(logits, torch.arange(8)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    # a bias just before a batch norm would learn nothing; in this study a ReLU stands between
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters() if parameter.grad is not None)


@pytest.mark.parametrize("architecture", FULL_WIDTH)
def test_receptive_field_is_11_before_the_transition(architecture):
    layers = rows(build(architecture))
    pool = [layer.name for layer in layers].index("MaxPool2d 2x2")
    assert [layer.receptive_field for layer in layers[:pool] if layer.name.startswith("Conv2d")] == [3, 5, 7, 9, 11]
    assert layers[pool - 1].receptive_field == 11
    assert layers[pool].receptive_field == 12


@pytest.mark.parametrize("architecture", FULL_WIDTH)
def test_receptive_field_is_what_a_gradient_reaches(architecture):
    """One value in the middle of the last image before the global pool looks at exactly that many pixels a side."""
    torch.manual_seed(0)
    model = build(architecture).eval()
    end = next(place for place, layer in enumerate(model) if isinstance(layer, torch.nn.AdaptiveAvgPool2d))
    # Averages in the place of maxima and no ReLU: neither hides a pixel, and the geometry is the same.
    through = [torch.nn.AvgPool2d(2) if isinstance(layer, torch.nn.MaxPool2d) else layer for layer in model[:end]]
    image = torch.zeros(1, 1, 28, 28, requires_grad=True)
    output = torch.nn.Sequential(*(layer for layer in through if not isinstance(layer, torch.nn.ReLU)))(image)
    output[0, :, 4, 4].sum().backward()
    assert image.grad is not None
    touched = (image.grad[0, 0] != 0).nonzero()
    sides = touched.max(0).values - touched.min(0).values + 1
    assert sides.tolist() == [rows(model)[end - 1].receptive_field] * 2


def test_multiply_accumulates_by_hand():
    layers = rows(build("vanilla"))
    assert layers[0].multiply_accumulates == 4 * 28 * 28 * 9
    assert layers[-1].multiply_accumulates == 16 * 10
    assert {layer.multiply_accumulates for layer in layers if layer.name in {"ReLU", "BatchNorm2d"}} == {0}


def test_rows_leave_the_model_as_it_was():
    model = build("vanilla").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows(model)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(layer._forward_hooks for layer in model)


def test_options():
    assert options("vanilla") == {"classes": 10}
    assert options("dropout") == {"dropout": 0.05, "classes": 10}
    assert options("one_pool") == {"dropout": 0.0, "classes": 10}


def test_table_of_one(capsys):
    show("vanilla")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "layer output receptive field parameters multiply-accumulates"
    assert "13 Conv2d 3x3 20 x 28 x 28 11 2,900 2,257,920" in lines
    assert lines[-1] == "total 9,186 4,798,368"


def test_table_with_an_option(capsys):
    show("two_pool", ["dropout=0.04"])
    assert "Dropout 4 %" in capsys.readouterr().out


def test_table_of_all(capsys):
    show()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    shown = {words[0]: words[2] for words in lines if words and words[0] in PARAMETERS}
    assert shown == {name: f"{count:,}" for name, count in PARAMETERS.items()}


def test_an_option_is_read_as_its_default_is(monkeypatch, capsys):
    given = {}

    def build(*, flag=True, width=None, name="a"):
        given.update(flag=flag, width=width, name=name)
        return nn.Sequential(nn.Conv2d(1, 2, 3))

    stand_in = ModuleType("mine")
    stand_in.__dict__["build"] = build
    monkeypatch.setitem(sys.modules, "mnist_study.architectures.mine", stand_in)
    monkeypatch.setattr("mnist_study.tools.show_networks.architecture_names", lambda: ["mine"])
    show("mine", ["flag=false", "width=8", "name=1"])
    assert given == {"flag": False, "width": 8, "name": "1"}
    show("mine", ["width=wide"])
    assert given == {"flag": True, "width": "wide", "name": "a"}
    with pytest.raises(UserError, match=r"^flag: 'no' given; allowed is true or false$"):
        show("mine", ["flag=no"])


@pytest.mark.parametrize(
    ("architecture", "settings", "message"),
    [
        ("vanila", [], r"no architecture 'vanila'; allowed: .*\bchampion, .*; did you mean vanilla\?$"),
        ("layers", [], "no architecture 'layers'"),
        ("dropout", ["drop=1"], r"no dropout option 'drop'; .*did you mean dropout\?$"),
        ("vanilla", ["dropout=0.1"], "allowed: classes$"),
        ("dropout", ["dropout=much"], "^dropout: 'much' given; allowed is a number$"),
        ("one_pool", ["classes=0"], r"^one_pool: {'classes': 0} given; "),
        ("dropout", ["dropout=2"], "between 0 and 1"),
        (None, ["dropout=0.1"], "--set needs the architecture"),
    ],
)
def test_mistakes_are_named(architecture, settings, message):
    with pytest.raises(UserError, match=message) as error:
        show(architecture, settings)
    assert "\n" not in str(error.value)
