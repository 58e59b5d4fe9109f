"""The code as it is trains what has landed: the first epoch of some variants again, equal to the last digit.

The landed networks were trained in bf16 on AMD's Zen 4 and Zen 5. On an Intel processor MKL adds up a linear layer's
products, and computes tangents, in another way unless it is told that the processor is AMD's; nothing else differs.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_study.tools.golden.verify import verify_landed
from mnist_study.train.engines.fast.kernel import multiplies_bf16
from tests.support import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.bytes]

VARIANTS = (
    "two_pool-b64-step-rotate",
    "dropout-b128-plateau-affine_jitter",
    "transition-b128-step-affine_jitter",
    "champion_10k",
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What training needs on this processor to give the landed bytes."""
    if not multiplies_bf16():
        pytest.skip("this processor has no bf16 instructions")
    if "AuthenticAMD" in Path("/proc/cpuinfo").read_text():
        return dict(os.environ)
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler on this processor (Debian: apt-get install gcc)")
    library = tmp_path_factory.mktemp("as_amd") / "as_amd.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, Path(__file__).with_name("as_amd.c")], check=True)
    return os.environ | {"LD_PRELOAD": str(library)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_first_epoch_is_the_landed_one(variant: str, environment: dict[str, str]):
    results = ROOT / "results/training" / f"{variant}.json"
    if not results.exists():
        pytest.fail(f"{results.relative_to(ROOT)} is missing: `make test-bytes` restores it", pytrace=False)
    landed = json.loads(results.read_text())["replicas"][0]["history"][0]
    command = [sys.executable, "-m", "tests.bytes.first_epoch", variant]
    trained = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    assert json.loads(trained.stdout) == landed


def test_every_landed_network_computes_the_landed_logits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(ROOT)
    equal = verify_landed()
    assert equal, capsys.readouterr().out
