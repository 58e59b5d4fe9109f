"""The scorer in JavaScript gives the reference's logits, bit for bit."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from mnist_study import architectures
from mnist_study.core import weights
from mnist_study.core.arithmetic import head, network, optimiser, scoring
from mnist_study.tools.golden import networks as near_limits
from mnist_study.tools.golden.made import images, numbers
from mnist_study.tools.golden.trainings import NETWORKS
from mnist_study.tools.site.network import describe
from tests.core.arithmetic.networks import networks
from tests.support import ROOT

MEAN, SD = 0.1307, 0.3081
SCORER = ROOT / "src/mnist_study/tools/site/assets/scorer.js"
RUN = f"""
const scorer = require({json.dumps(str(SCORER))});
const {{ network, images, side }} = JSON.parse(require("fs").readFileSync(0, "utf8"));
const ready = scorer.prepare(network);
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const answers = images.map((image) => scorer.logits(ready, bytes(image), side, side));
console.log(JSON.stringify(answers.map((logits) => ({{
  logits: Buffer.from(logits.buffer).toString("base64"), probabilities: scorer.probabilities(logits),
}}))));
"""
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which comes with npm")


def answers(model: nn.Module, pictures: torch.Tensor, mean: float, sd: float) -> list[dict[str, Any]]:
    packed = [base64.b64encode(image.numpy().tobytes()).decode() for image in pictures]
    given = {"network": describe(model, mean, sd), "images": packed, "side": pictures.shape[1]}
    done = subprocess.run(["node", "-e", RUN], input=json.dumps(given), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_equal_bits(model: nn.Module, pictures: torch.Tensor, mean: float = MEAN, sd: float = SD) -> None:
    expected = scoring.logits(network.read(model), pictures, mean, sd)
    told = answers(model, pictures, mean, sd)
    ours = np.stack([np.frombuffer(base64.b64decode(answer["logits"]), "<f4") for answer in told])
    assert ours.tobytes() == expected.numpy().tobytes()
    assert [answer["probabilities"] for answer in told] == head.probabilities(expected).tolist()


def with_statistics(model: nn.Module) -> nn.Module:
    """Give every norm weights and running statistics, by a hash."""
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    for place, norm in enumerate(norms):
        for name, tensor in (*norm.named_parameters(), *norm.named_buffers()):
            if tensor.is_floating_point():
                made = numbers(f"{place} {name}", *tensor.shape)
                tensor.data.copy_(made.abs() + 0.01 if name == "running_var" else made)
    return model


@needs_node
@pytest.mark.parametrize("name", NETWORKS)
def test_every_architecture(name: str):
    architecture, options = NETWORKS[name]
    model = architectures.build(architecture, **options)
    optimiser.initialise(model, 0)
    assert_equal_bits(with_statistics(model), images("scorer", 4).images)


@needs_node
@pytest.mark.parametrize("name", near_limits.cases())
def test_networks_near_the_limits(name: str):
    case = near_limits.cases()[name]
    assert_equal_bits(case.model, case.images, case.mean, case.sd)


@needs_node
@pytest.mark.parametrize("variant", ["vanilla-b64-step-plain", "transition-b64-step-plain", "champion"])
def test_trained_weights(variant: str):
    """Weights of before the arithmetic are weights all the same."""
    files = sorted((ROOT / "models" / variant).glob("*.safetensors"))
    if not files:
        pytest.skip("the weights are not here; `dvc pull --allow-missing` fetches them")
    recipe = json.loads((ROOT / "build/recipes" / f"{variant}.json").read_text())
    model = architectures.build(recipe["architecture"], **recipe["model"])
    weights.load(model, files[0])
    assert_equal_bits(model, images("scorer", 4).images)


@needs_node
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(model=networks(dropout=0.0), exponent=st.integers(-30, 30))
def test_any_network_with_weights_of_any_magnitude(model: nn.Sequential, exponent: int):
    with_statistics(model)
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            layer.weight.data *= 2.0**exponent
            exponent = -exponent
    pictures = images("scorer", 3, side=13).images
    pictures[0] = 0
    assert_equal_bits(model, pictures)


@needs_node
def test_it_answers_for_the_champions_network_thirty_times_in_a_second_of_processor_time():
    layout = "14 14 again again pool 20 20 again again pool 26 26 again again"
    model = architectures.build("champion", layout=layout)
    run = f"""
const scorer = require({json.dumps(str(SCORER))});
const network = scorer.prepare(JSON.parse(require("fs").readFileSync(0, "utf8")));
const answer = (i) => scorer.logits(network, new Uint8Array(784).fill(i), 28, 28);
for (let i = 0; i < 15; i++) answer(i);
const begin = process.cpuUsage().user;
for (let i = 0; i < 30; i++) answer(i);
console.log((process.cpuUsage().user - begin) / 1e6);
"""
    given = json.dumps(describe(model, MEAN, SD))
    done = subprocess.run(["node", "-e", run], input=given, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1


@needs_node
def test_it_shows_what_each_cell_handed_on():
    model = architectures.build("two_pool")
    run = f"""
const scorer = require({json.dumps(str(SCORER))});
const network = scorer.prepare(JSON.parse(require("fs").readFileSync(0, "utf8")));
scorer.logits(network, new Uint8Array(784).fill(9), 28, 28);
const cells = scorer.seen(network);
console.log(JSON.stringify(cells.map((cell) => [cell.values.length, cell.channels, cell.rows, cell.columns])));
"""
    given = json.dumps(describe(model, MEAN, SD))
    done = subprocess.run(["node", "-e", run], input=given, capture_output=True, text=True, check=True)
    cells = json.loads(done.stdout)
    assert [cell[1:] for cell in cells[:3]] == [[8, 28, 28], [8, 28, 28], [8, 14, 14]]
    assert all(length == channels * rows * columns for length, channels, rows, columns in cells)


@pytest.mark.parametrize("file", sorted(SCORER.parent.glob("*.js")), ids=lambda file: file.name)
def test_scripts_are_classic(file: Path):
    """A browser runs no module from a file, and may have no network."""
    text = file.read_text()
    assert not [word for word in ("import ", "export ", "fetch(", "require(", "https:") if word in text]
