"""`mnist-study export`: the files agree with the networks, and the folder answers alone."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from mnist_study import architectures
from mnist_study.core import weights
from mnist_study.core.arithmetic import VERSION, network, optimiser, scoring
from mnist_study.core.errors import UserError
from mnist_study.core.recipe import Recipe
from mnist_study.tools.export import onnx_file
from mnist_study.tools.export.export import export
from mnist_study.tools.golden import made
from mnist_study.tools.predict.predict import predict
from tests.support.tiny import write_idx

pytestmark = pytest.mark.slow  # torch's exporter takes seconds
MEAN, SD = 0.13, 0.31
IMAGES = {"side": 28, "classes": list("0123456789"), "study": True}


@pytest.fixture
def project(tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one variant of two untrained networks in the arithmetic of integers, and 40 test images."""
    exact = replace(recipe, engine="exact", seeds=(0, 1))
    rows = [{"seed": seed, "test_accuracy": 10.0 + seed} for seed in exact.seeds]
    texts = {
        "dvc.yaml": "",
        "build/images.json": json.dumps(IMAGES),
        "metrics/variants.json": json.dumps({"tiny": {"test_accuracy": 10.5}}),
        "build/recipes/tiny.json": exact.to_json(),
        "results/evaluation/tiny.json": json.dumps({"parameters": 6290, "replicas": rows}),
        f"data/transforms/{exact.augmentation}.json": json.dumps({"mean": MEAN, "sd": SD, "ranges": {}}),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for seed in exact.seeds:
        model = architectures.build(exact.architecture, **exact.model)
        optimiser.initialise(model, seed)
        path = tmp_path / "models/tiny" / f"seed-{seed}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(weights.pack(model, {"arithmetic": str(VERSION)}))
    test = made.images("export", 40)
    (tmp_path / "data/mnist").mkdir()
    write_idx(tmp_path / "data/mnist/t10k-images-idx3-ubyte", test.images.numpy())
    write_idx(tmp_path / "data/mnist/t10k-labels-idx1-ubyte", test.labels.numpy().astype(np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_has_all_that_is_needed_elsewhere(project: Path, capsys: pytest.CaptureFixture[str]):
    export("tiny")
    folder = project / "exports/tiny"
    kinds = {"README.md", "example.png", "example.py", "images.json", "policy.json", "recipe.json"}
    networks = {f"seed-{seed}.{kind}" for seed in (0, 1) for kind in ("onnx", "safetensors")}
    assert {path.name for path in folder.iterdir()} == kinds | networks
    assert list(folder.parent.iterdir()) == [folder]  # nothing half-written
    assert capsys.readouterr().out == (
        "exports/tiny: 2 networks of tiny, as ONNX and safetensors; begin with README.md there\n"
    )
    text = (folder / "README.md").read_text()
    assert "2 networks of 6,290 parameters each, which name what an image of 28 x 28 pixels shows" in text
    assert "they belong to version 1 of its arithmetic of integers" in text
    for seed in (0, 1):
        assert f"\n| seed-{seed} | {10 + seed}.00 | 0.0" in text
        assert onnx.load(folder / f"seed-{seed}.onnx").graph.input[0].name == "images"

    answered = subprocess.run([sys.executable, folder / "example.py"], capture_output=True, text=True, check=True)
    assert answered.stdout.endswith(" %, the mean of 2 networks)\n")
    predict([str(folder / "example.png")], "tiny", json_wanted=True)
    expected = json.loads(capsys.readouterr().out)
    predict([str(folder / "example.png")], folder=folder, json_wanted=True)
    assert json.loads(capsys.readouterr().out) == expected
    with pytest.raises(UserError, match=r"^exports/tiny: exists already; remove it, or name another by --folder$"):
        export("tiny")


def test_a_file_that_disagrees_is_refused_with_the_first_image():
    model = architectures.build("two_pool")
    optimiser.initialise(model, 0)
    images = made.images("export", 40).images
    logits = scoring.logits(network.read(model), images, MEAN, SD).numpy()
    file = onnx_file.to_onnx(model, 28, MEAN, SD)
    agreement = onnx_file.compare(file, images.numpy(), logits, "seed-0.onnx")
    assert (agreement.images, agreement.others) == (40, [])
    assert 0 < agreement.largest < 0.05

    ends = logits[3].argmin(), logits[3].argmax()
    wrong = logits.copy()
    wrong[3, ends] = wrong[3, ends[::-1]]
    gap = float(logits[3].max() - np.sort(logits[3])[-2])
    wrong[3, ends[0]] += onnx_file.TOLERANCE + gap
    with pytest.raises(UserError, match=r"^seed-0\.onnx: names other classes .* of 1 images, the first 3$"):
        onnx_file.compare(file, images.numpy(), wrong, "seed-0.onnx")
    close = logits.copy()
    second = np.argsort(close[3])[-2]
    close[3, second] = close[3].max() + 0.01
    assert onnx_file.compare(file, images.numpy(), close, "seed-0.onnx").others == [3]


def test_without_weights_nothing_is_written(project: Path):
    (project / "models/tiny/seed-1.safetensors").unlink()
    with pytest.raises(UserError, match=r"seed-1\.safetensors: missing; `dvc pull models/tiny` restores it$"):
        export("tiny", Path("somewhere"))
    with pytest.raises(UserError, match=r"seed-1\.safetensors: missing"):
        export("tiny")
    assert not {"somewhere", "exports"} & {path.name for path in project.iterdir()}
    assert not list(project.glob(".export-*"))


def test_any_network_of_torch_has_a_file():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    images = made.images("export", 5).images[:, :8, :8].contiguous()
    own = model((images.float().flatten(1) / 255 - MEAN) / SD).detach().numpy()
    assert onnx_file.compare(onnx_file.to_onnx(model, 8, MEAN, SD), images.numpy(), own, "x").largest < 1e-4
