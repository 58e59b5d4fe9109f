"""A folder for use elsewhere: each network as safetensors and ONNX, what `predict --folder` reads, an example."""

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image
from torch import Tensor

from mnist_study import architectures, kernels
from mnist_study.core import mnist
from mnist_study.core.arithmetic import VERSION, network
from mnist_study.core.errors import UserError
from mnist_study.core.inference import logits
from mnist_study.core.policy import Policy
from mnist_study.tools.export import onnx_file
from mnist_study.tools.predict.answer import load
from mnist_study.tools.predict.source import IMAGES, POLICY, RECIPE, Source, checkout, in_checkout

HERE = Path(__file__).parent


def export(variant: str | None = None, given: Path | None = None) -> None:
    """Write the folder, whole or not at all, and print what is in it; raises UserError where it exists already.

    Without a variant it is the one that `predict` takes.
    """
    source, top = in_checkout(variant), checkout()
    variant = source.recipe.variant
    folder = given or Path("exports") / variant
    if folder.exists():
        raise UserError(f"{folder}: exists already; remove it, or name another by --folder")
    test = mnist.test_split(top / "data/mnist")
    there = next(parent for parent in folder.absolute().parents if parent.exists())
    with tempfile.TemporaryDirectory(dir=there, prefix=".export-") as whole:
        written = Path(whole) / "whole"
        written.mkdir()
        agreements = {seed: _write_network(source, seed, test.images, written) for seed in source.recipe.seeds}
        (written / RECIPE).write_text(source.recipe.to_json())
        shutil.copyfile(source.policy, written / POLICY)
        (written / IMAGES).write_text(json.dumps(asdict(source.images), indent=2) + "\n")
        shutil.copyfile(HERE / "example.py", written / "example.py")
        Image.fromarray(test.images[0].numpy()).save(written / "example.png")
        (written / "README.md").write_text(_readme(source, agreements, top))
        folder.parent.mkdir(parents=True, exist_ok=True)
        written.rename(folder)
    print(f"{folder}: {len(agreements)} networks of {variant}, as ONNX and safetensors; begin with README.md there")


def _write_network(source: Source, seed: int, images: Tensor, folder: Path) -> onnx_file.Agreement:
    """Write one seed's network, and compare its ONNX file with it on the test images [N, side, side]."""
    recipe, policy, name = source.recipe, Policy.read(source.policy), f"seed-{seed}"
    model = architectures.build(recipe.architecture, **recipe.model)
    weights = load(model, recipe, seed, source.trained)
    if recipe.engine == "exact":
        cells = network.of_variant(model, recipe.variant)
        own = kernels.scores(cells, images, policy.mean, policy.sd).logits(images)
    else:
        own = logits(model, images, policy)
    file = onnx_file.to_onnx(model, source.images.side, policy.mean, policy.sd)
    agreement = onnx_file.compare(file, images.numpy(), own.detach().numpy(), f"{name}.onnx")
    (folder / f"{name}.onnx").write_bytes(file)
    shutil.copyfile(weights, folder / weights.name)
    return agreement


def _readme(source: Source, agreements: dict[int, onnx_file.Agreement], top: Path) -> str:
    """Write what the folder holds, with each network's accuracy, and how to use it."""
    recipe = source.recipe
    evaluated = json.loads((top / "results/evaluation" / f"{recipe.variant}.json").read_text())
    environment = Environment(
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - this is Markdown
    )
    return environment.get_template("README.md.j2").render(
        recipe=recipe,
        images=source.images,
        parameters=evaluated["parameters"],
        accuracies={row["seed"]: row["test_accuracy"] for row in evaluated["replicas"]},
        agreements=agreements,
        tolerance=onnx_file.TOLERANCE,
        version=VERSION if recipe.engine == "exact" else None,
        torch=torch.__version__,
    )
