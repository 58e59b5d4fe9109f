"""The shape of the project: who imports whom, and that DVC is told of exactly what training uses."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mnist_study.configure.describe import architecture_names
from mnist_study.core.recipe import Recipe
from tests.support import ROOT

SOURCE = ROOT / "src" / "mnist_study"
KERNELS = "src/mnist_study/kernels/"
ARCHITECTURES = architecture_names()
# Training imports the kinds of augmentation that its policy uses. They are no deps, since dvc.yaml cannot list them:
# the policy's file, which is a dep, holds the SHA-256 of each. tests/pipeline/test_kinds.py shows what gets stale.
KINDS = {f"src/mnist_study/augmentation/{name}.py" for name in ("affine", "blur")}
UNUSED_IN_EVALUATION = {"src/mnist_study/core/arithmetic/schedules.py"}  # training uses it

USE = """
import json, sys
from dataclasses import replace
from pathlib import Path
from tests.support.tiny import write_tiny_mnist

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
    from mnist_study.train.replica import read_splits, train_one
    from mnist_study.core.policy import Policy
    from mnist_study.core.recipe import Recipe
    policy = Policy.read(folder / "policy.json")
    engine = "exact" if architecture == "two_pool" else "torch"  # kernels take seconds to compile
    changes = {"architecture": architecture, "engine": engine, "seeds": (0,), "epochs": 1}
    recipe = replace(Recipe.read(folder / "recipe.json"), **changes)
    splits = read_splits(recipe, folder / "mnist")
    replica = train_one(recipe, 0, policy, *splits, lambda sign: None, folder / "checkpoint")
    (folder / "seed-0.safetensors").write_bytes(replica.weights)
    uses["train"][architecture] = used()
    forget()
    from mnist_study.evaluate import evaluate
    evaluate(recipe, policy, folder / "mnist", folder)
    uses["evaluate"][architecture] = used()
print(json.dumps(uses))
"""


def declared(stage: str, architecture: str = "") -> set[str]:
    """The modules that lie in what dvc.yaml names as deps of a stage, less those that hold nothing but a docstring."""
    entry = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]
    deps = [dep.replace("${item.architecture}", architecture) for dep in entry.get("do", entry)["deps"]]
    paths = [ROOT / dep for dep in deps if dep.startswith("src/")]
    files = [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return {str(file.relative_to(ROOT)) for file in files if not only_a_docstring(file)}


def only_a_docstring(file: Path) -> bool:
    """Such a file changes nothing: the `__init__.py` of a folder."""
    return all(isinstance(node, ast.Expr) for node in ast.parse(file.read_text()).body)


def working(names: list[str]) -> set[str]:
    """Less the kernels, which give the bits of core/arithmetic: no dep, so that tuning them trains nothing again."""
    return {name for name in names if not only_a_docstring(ROOT / name) and not name.startswith(KERNELS)}


def test_training_and_evaluation_use_exactly_the_folders_that_dvc_knows(tmp_path: Path, recipe: Recipe):
    """All that is imported is declared, but for kinds; all that is declared is imported, for some architecture."""
    (tmp_path / "recipe.json").write_text(recipe.to_json())
    ranges = {"rotation": [-7.0, 7.0], "blur": [0.0, 1.0]}
    policy = {"mean": 0.1, "sd": 0.3, "ranges": ranges, "kinds": {Path(kind).stem: "a hash" for kind in KINDS}}
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    command = [sys.executable, "-c", USE, str(tmp_path), *ARCHITECTURES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    stages = json.loads(done.stdout)
    assert all({*names} >= KINDS for names in stages["train"].values())
    stages["train"] = {each: sorted({*names} - KINDS) for each, names in stages["train"].items()}
    for stage, uses in stages.items():
        for architecture in ARCHITECTURES:
            assert working(uses[architecture]) <= declared(stage, architecture), architecture
        together = set().union(*(working(names) for names in uses.values()))
        left = set().union(*(declared(stage, architecture) for architecture in ARCHITECTURES)) - together
        assert left == (UNUSED_IN_EVALUATION if stage == "evaluate" else set())


@pytest.mark.parametrize(("stage", "most"), [("train", 10), ("evaluate", 11)])
def test_a_variant_has_few_deps(stage: str, most: int):
    """Each is four or five lines of dvc.lock a variant, which every command of DVC reads."""
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]["do"]["deps"]
    assert len(deps) <= most


def test_every_dep_of_every_stage_exists():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage in stages.values():
        for dep in stage.get("do", stage)["deps"]:
            if dep.startswith(("src/", "stages/", "reference/")):
                for architecture in ARCHITECTURES:
                    assert (ROOT / dep.replace("${item.architecture}", architecture)).exists(), dep


def test_the_artifacts_are_weights_under_the_names_of_their_variants():
    artifacts = yaml.safe_load((ROOT / "dvc.yaml").read_text())["artifacts"]
    assert all(artifact["path"] == f"models/{name}" for name, artifact in artifacts.items())


def imported_by(stage: str) -> set[str]:
    """The modules that a stage imports at its start, less what only words errors."""
    code = (
        f"import sys, stages.{stage}\n"
        "for name, module in sys.modules.items():\n"
        "    if name.startswith('mnist_study'): print(module.__file__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    used = working([str(Path(name).relative_to(ROOT)) for name in done.stdout.splitlines()])
    return used - {"src/mnist_study/running/console.py"}


def test_robustness_depends_on_the_modules_that_it_imports():
    """All but the networks' layers, without which the weights would be others, and what only words errors."""
    used = imported_by("robustness") - {"src/mnist_study/architectures/__init__.py"}
    assert used <= declared("robustness")


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


# Nothing imports upwards: a folder may import what stands on a line below its own, and itself.
FLOORS = (
    {"cli"},
    {"tools"},
    {"report"},
    {"running"},
    {"lockstep", "robustness"},
    {"configure", "download", "evaluate", "train", "transforms"},
    {"kernels"},
    {"augmentation"},
    {"core", "architectures", "swap"},
)


def test_nothing_imports_upwards():
    floor = {folder: number for number, folders in enumerate(FLOORS) for folder in folders}
    for file in SOURCE.rglob("*.py"):
        here = file.relative_to(SOURCE).with_suffix("").parts[0]
        if here == "__init__":
            continue
        for name in imports(file):
            package, _, rest = name.partition(".")
            there = rest.partition(".")[0]
            if package == "mnist_study" and there and there != here:
                assert floor[there] > floor[here], f"{file.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_architecture_imports_torch_and_layers_only(architecture: str):
    file = SOURCE / "architectures" / f"{architecture}.py"
    names = {name.removeprefix("mnist_study.architectures.") for name in imports(file)}
    assert {name.split(".")[0] for name in names} <= {"torch", "layers"}


def test_a_kind_of_augmentation_imports_torch_and_core_only():
    """What else it imported would be no dep of its users."""
    for file in (SOURCE / "augmentation").glob("*.py"):
        own = {name.removeprefix("mnist_study.") for name in imports(file) if name.startswith("mnist_study")}
        assert {name.split(".")[0] for name in own} <= {"core"}, file


def test_params_report_review_and_reading_pictures_need_no_torch():
    names = (
        "configure.params",
        "report.write",
        "tools.review.review",
        "tools.predict.picture",
        "tools.predict.resample",
    )
    modules = ", ".join(f"mnist_study.{name}" for name in names)
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_report_depends_on_the_modules_that_it_imports():
    """All but `core`, of which it needs a part, and what only words errors."""
    used = imported_by("report")
    assert used <= declared("report")
    assert not [name for name in declared("report") - used if not name.startswith("src/mnist_study/core/")]


def test_the_process_that_only_watches_training_needs_no_torch():
    """Importing it takes seconds, which each training process spends as well."""
    code = "import sys, stages.train; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_stage_is_short():
    for file in (ROOT / "stages").glob("*.py"):
        assert len(file.read_text().splitlines()) <= 45, file


def test_training_knows_nothing_of_params_yaml():
    for name in declared("train", "vanilla"):
        code = ast.parse((ROOT / name).read_text())
        opened = [node for node in ast.walk(code) if isinstance(node, ast.Constant) and node.value == "params.yaml"]
        assert not opened, name
