"""The kernels give the reference's bits: on this processor, and on what it can pretend to be (`make test-kernels`)."""

import os
import subprocess
import sys

import halide as hl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mnist_study import kernels
from mnist_study.core.arithmetic import network, optimiser
from mnist_study.core.arithmetic.reference import Reference
from mnist_study.kernels import kernel
from tests.core.arithmetic.networks import classes, networks
from tests.kernels import equal
from tests.support import ROOT

X86 = "x86-64-linux-sse41"
AVX2 = f"{X86}-avx-avx2-f16c-fma"
AVX512 = f"{AVX2}-avx512-avx512_skylake"
TARGETS = {X86: hl.TargetFeature.SSE41, AVX2: hl.TargetFeature.AVX2, AVX512: hl.TargetFeature.AVX512_Skylake}


@pytest.mark.parametrize("architecture", ["dropout", "champion again"])
def test_three_steps_of_a_network_are_the_references(architecture: str, monkeypatch: pytest.MonkeyPatch):
    chosen = equal.trainings.NETWORKS[architecture]
    monkeypatch.setattr(equal.trainings, "NETWORKS", {architecture: chosen})
    assert equal.all_different(steps=3) == {}


def test_sums_that_pass_32_bits_are_exact():
    convolutions = nn.Conv2d(1, 30, 1), nn.Conv2d(30, 30, 3, padding=1)
    model = nn.Sequential(*convolutions, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    optimiser.initialise(model, 0)
    for layer in convolutions:
        nn.init.constant_(layer.weight, 0.1)  # all as large as one another
    assert equal.differences(model, 3, 9, 30) == []


def test_layers_that_are_closed_everywhere_have_zero_gradients():
    convolutions = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3)
    layers = convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    model = nn.Sequential(*layers)
    optimiser.initialise(model, 0)
    for _, bias in (layer.parameters() for layer in convolutions):
        nn.init.constant_(bias, -9.0)  # the second takes nothing but zeros
    assert equal.differences(model, 3, 9, 2) == []


@pytest.mark.slow
@pytest.mark.kernels
def test_twenty_steps_of_each_architecture():
    assert equal.all_different(steps=20) == {}


@pytest.mark.slow
@pytest.mark.kernels
@settings(deadline=None, max_examples=100)
@given(model=networks(), count=st.integers(2, 35), side=st.integers(12, 17), decay=st.sampled_from([0.0, 0.01]))
def test_any_network(model: nn.Sequential, count: int, side: int, decay: float):
    if kernels.unsupported(network.read(model), (side, side), torch.device("cpu")) is None:
        assert equal.differences(model, count, side, classes(model), steps=2, decay=decay) == []


@pytest.mark.slow
@pytest.mark.kernels
@pytest.mark.parametrize("target", TARGETS)
def test_other_instructions(target: str):
    if not hl.get_host_target().has_feature(TARGETS[target]):
        pytest.skip(f"this processor cannot run {target}")
    assert program({"MNIST_STUDY_TARGET": target}) == "{}\n"


@pytest.mark.slow
@pytest.mark.kernels
@pytest.mark.parametrize("threads", ["2", "4"])
def test_several_threads(threads: str):
    assert program({"HL_NUM_THREADS": threads}) == "{}\n"


@pytest.mark.slow
@pytest.mark.kernels
def test_compiled_in_the_process():
    """As where none can be kept on disk; once with checks of sizes."""
    assert program({"MNIST_STUDY_JIT": "1"}) == "{}\n"
    assert program({"MNIST_STUDY_DEBUG": "1"}) == "{}\n"
    assert program({"MNIST_STUDY_DEBUG": "1", "MNIST_STUDY_TARGET": X86}) == "{}\n"


def test_a_processor_that_has_its_tuning_keeps_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MNIST_STUDY_TARGET", f"{AVX512}-tune_znver5")
    assert "tune_znver5" in kernel.target.__wrapped__().to_string()
    monkeypatch.setenv("MNIST_STUDY_TARGET", AVX512)
    assert "tune_znver4" in kernel.target.__wrapped__().to_string()


def program(environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "tests.kernels.equal"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("layers", "side", "reason"),
    [
        ([nn.Conv2d(1, 2, 1, padding=1)], 28, "a convolution of 1 x 1 has padding 1"),
        ([nn.Conv2d(1, 2, 3, padding=2)], 31, "a convolution gives 33 x 33"),
        ([nn.Conv2d(1, 2, 3)], 32, "images are 32 x 32; allowed are squares of at most 31"),
    ],
)
def test_what_the_kernels_leave_to_the_reference(layers: list[nn.Module], side: int, reason: str):
    known = network.read(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    assert kernels.unsupported(known, (side, side), torch.device("cpu")) == reason
    images = torch.zeros(1, side, side, dtype=torch.uint8)
    assert isinstance(kernels.trains(known, images, 16, 0.1, 0.3), Reference)
    assert isinstance(kernels.scores(known, images, 0.1, 0.3), Reference)
