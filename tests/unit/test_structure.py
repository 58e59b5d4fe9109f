"""The shape of the project: who imports whom, and that DVC is told of exactly what training uses."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mnist_study.augmentation import NEUTRAL, RANGES
from mnist_study.metrics import CHAMPIONS
from mnist_study.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "mnist_study"
FAST = "src/mnist_study/fast/"
ARCHITECTURES = ["vanilla", "dropout", "transition_fc", "transition", "two_pool", "one_pool", "champion"]

USE = """
import json, sys
from dataclasses import replace
from pathlib import Path
from tests.conftest import write_tiny_mnist

def forget():
    for name in [name for name in sys.modules if name.startswith("mnist_study")]:
        del sys.modules[name]

def used():
    files = [Path(m.__file__) for n, m in sys.modules.items() if n.startswith("mnist_study") and m.__file__]
    return sorted(str(file.relative_to(Path.cwd())) for file in files)

folder = Path(sys.argv[1])
write_tiny_mnist(folder / "mnist")
uses = {"train": {}, "evaluate": {}}
for architecture in sys.argv[2:]:
    forget()
    from mnist_study.replica import train_one
    from mnist_study.augmentation import Policy
    from mnist_study.recipe import Recipe
    policy = Policy.read(folder / "policy.json")
    engine = "fast" if architecture == sys.argv[2] else "torch"  # kernels take seconds to compile
    changes = {"architecture": architecture, "engine": engine, "seeds": (0,), "epochs": 1}
    recipe = replace(Recipe.read(folder / "recipe.json"), **changes)
    replica = train_one(recipe, 0, policy, folder / "mnist", lambda sign: None, folder / "checkpoint")
    (folder / "seed-0.safetensors").write_bytes(replica.weights)
    uses["train"][architecture] = used()
    forget()
    from mnist_study.evaluation import evaluate
    evaluate(recipe, policy, folder / "mnist", folder)
    uses["evaluate"][architecture] = used()
print(json.dumps(uses))
"""


def declared(stage: str, architecture: str) -> set[str]:
    """The modules under src/ that dvc.yaml names as deps of a stage."""
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]["do"]["deps"]
    return {dep.replace("${item.architecture}", architecture) for dep in deps if dep.startswith("src/")}


def test_stages_depend_on_exactly_the_modules_that_they_use(tmp_path: Path, recipe: Recipe):
    (tmp_path / "recipe.json").write_text(recipe.to_json())
    ranges = {name: [NEUTRAL.get(name, 0.0)] * 2 for name in RANGES}
    (tmp_path / "policy.json").write_text(json.dumps({"mean": 0.1, "sd": 0.3, "ranges": ranges}))
    command = [sys.executable, "-c", USE, str(tmp_path), *ARCHITECTURES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for stage, uses in json.loads(done.stdout).items():
        for architecture in ARCHITECTURES:
            expected = declared(stage, architecture)
            if architecture != ARCHITECTURES[0]:
                expected = {name for name in expected if not name.startswith(FAST)}
            assert set(uses[architecture]) == expected


def test_every_dep_of_every_stage_exists():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage in stages.values():
        for dep in stage.get("do", stage)["deps"]:
            if dep.startswith(("src/", "stages/", "reference/")) and "${" not in dep:
                assert (ROOT / dep).exists(), dep


def test_the_artifacts_are_the_champions_weights():
    artifacts = yaml.safe_load((ROOT / "dvc.yaml").read_text())["artifacts"]
    assert {name: artifact["path"] for name, artifact in artifacts.items()} == {
        name: f"models/{name}" for name in CHAMPIONS
    }


def imports(file: Path) -> set[str]:
    """The modules that a file names in its import statements."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_the_package_never_imports_a_stage():
    for file in SOURCE.rglob("*.py"):
        assert not [name for name in imports(file) if name.split(".")[0] == "stages"], file


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_architecture_imports_torch_and_layers_only(architecture: str):
    names = {name.removeprefix("mnist_study.models.") for name in imports(SOURCE / "models" / f"{architecture}.py")}
    assert {name.split(".")[0] for name in names} == {"torch", "layers"}


def test_params_reporting_review_and_reading_pictures_need_no_torch():
    names = ("params", "metrics", "statistics", "reporting", "review.__main__", "predict.picture", "predict.digit")
    modules = ", ".join(f"mnist_study.{name}" for name in names)
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_report_depends_on_the_modules_that_it_imports():
    """All but those that only word errors."""
    code = (
        "import sys, stages.report; print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('mnist_study')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    used = {Path(name).relative_to(ROOT) for name in done.stdout.split()}
    used -= {Path("src/mnist_study") / f"{name}.py" for name in ("__init__", "console", "errors")}
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["report"]["deps"]
    declared = {Path(dep) for dep in deps if dep.startswith("src/")}
    assert {next((dep for dep in declared if file.is_relative_to(dep)), file) for file in used} == declared


def test_the_process_that_only_watches_training_needs_no_torch():
    """Importing it takes seconds, which each training process spends as well."""
    code = "import sys, stages.train; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_stage_is_short():
    for file in (ROOT / "stages").glob("*.py"):
        assert len(file.read_text().splitlines()) <= 40, file


def test_training_knows_nothing_of_params_yaml():
    files = {ROOT / name for name in declared("train", "vanilla")}
    for file in files:
        code = ast.parse(file.read_text())
        opened = [node for node in ast.walk(code) if isinstance(node, ast.Constant) and node.value == "params.yaml"]
        assert not opened, file
