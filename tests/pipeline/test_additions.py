"""What users add as README says (a variant, an architecture, a policy, a metric), committed, breaks no test."""

import sys
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, copy_tracked

CONCERNED = ("architectures", "configure", "report", "test_documents.py", "test_structure.py")
ARCHITECTURE = '''\
"""One small network."""

from torch import nn

from mnist_study.architectures.layers import block, global_average


def build() -> nn.Sequential:
    return nn.Sequential(*block(1, 8), *global_average(), nn.Linear(8, 10))
'''
METRIC = '''

def a_metric(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """How sure the network is."""
    return float(probabilities.max(1).mean())
'''


@pytest.mark.slow
@pytest.mark.changes
def test_a_variant_an_architecture_a_policy_and_a_metric_break_no_test(tmp_path: Path):
    """Each is put first, where a test that lists or counts would notice it."""
    copy_tracked(tmp_path)
    copy = Checkout(tmp_path, tmp_path)
    with (tmp_path / "src/mnist_study/report/probability_metrics.py").open("a") as file:
        file.write(METRIC)
    (tmp_path / "src/mnist_study/architectures/a_user.py").write_text(ARCHITECTURE)
    variant = "{architecture: a_user, scheduler: step, augmentation: a_blur, batch_size: 32, epochs: 2}"
    copy.edit("params.yaml", "\nvariants:\n", f"\nvariants:\n  a_variant: {variant}\n")
    copy.edit("params.yaml", "\naugmentations:\n", "\naugmentations:\n  a_blur: {rotation: 3}\n")
    copy.run("git", "init", "--quiet")
    copy.commit()
    tests = [f"tests/{name}" for name in CONCERNED]
    source = f"PYTHONPATH={tmp_path / 'src'}"
    done = copy.run("env", source, sys.executable, "-m", "pytest", "-q", "-m", "not slow", *tests, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
