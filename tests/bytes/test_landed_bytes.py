"""The code as it is trains what has landed: the first epoch of some variants again, equal to the last digit."""

import json
import subprocess
import sys

import pytest

from mnist_study.tools.golden.verify import verify_landed
from tests.support import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.bytes]

VARIANTS = (
    "two_pool-b64-step-rotate",
    "dropout-b128-plateau-affine_jitter",
    "transition-b128-step-affine_jitter",
    "champion_10k",
)


@pytest.mark.parametrize("variant", VARIANTS)
def test_first_epoch_is_the_landed_one(variant: str):
    path = ROOT / "results/training" / f"{variant}.json"
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} is missing: `make test-bytes` restores it", pytrace=False)
    landed = json.loads(path.read_text())
    if landed["engine"] != "exact":
        pytest.skip(f"trained by engine {landed['engine']}, whose bytes are those of one kind of machine")
    command = [sys.executable, "-m", "tests.bytes.first_epoch", variant]
    trained = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    assert json.loads(trained.stdout) == landed["replicas"][0]["history"][0]


def test_every_landed_network_computes_the_landed_logits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(ROOT)
    equal = verify_landed()
    assert equal, capsys.readouterr().out
