"""The same bytes by other instructions, with other numbers of threads, and what the golden vectors say."""

import json
import os
import subprocess
import sys

import pytest

from mnist_study.tools.golden import verify
from tests.support import ROOT

CODE = """
import sys, torch
torch.set_num_threads(int(sys.argv[1]))
from dataclasses import replace
from mnist_study.tools.golden import trainings
print(torch.backends.cpu.get_cpu_capability())
print(trainings.one_step("transition_fc", {"dropout": 0.05}, "cpu"))
print(trainings.one_training(replace(trainings.BASE, **trainings.TRAININGS[sys.argv[2]]), "cpu"))
"""
TRAINING = "nesterov, decay, smoothing, average, annealing"


def test_this_machine_agrees_with_the_golden_vectors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.chdir(ROOT)
    equal = verify.verify_vectors()
    assert equal, capsys.readouterr().out


@pytest.mark.parametrize(
    ("capability", "threads", "mkl"),
    [("default", 1, "COMPATIBLE"), ("avx2", 2, "AVX2"), ("avx512", 4, "AUTO"), ("default", 4, "SSE4_2")],
)
def test_instructions_and_threads_change_no_bit(capability: str, threads: int, mkl: str):
    env = {**os.environ, "ATEN_CPU_CAPABILITY": capability, "MKL_CBWR": mkl}
    command = [sys.executable, "-c", CODE, str(threads), TRAINING]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    hashes = json.loads((ROOT / verify.TRAININGS).read_text())
    assert done.stdout.split()[1:] == [hashes["step transition_fc"], hashes[f"training {TRAINING}"]]


def test_a_difference_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(verify, "computed", lambda device: iter([("step vanilla", "0" * 64)]))
    vectors = verify.operations()
    vectors["exp"]["gives"]["exp"][3] += 1e-16
    monkeypatch.setattr(verify, "operations", lambda: vectors)
    assert not verify.verify_vectors()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["DIFFERENT exp: exp", f"DIFFERENT step vanilla: {'0' * 64}"]
    assert "2 of them different" in lines[2]
