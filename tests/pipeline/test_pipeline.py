"""The pipeline under real DVC: what runs, what does not, and what a clone gets."""

import json
import shutil
from pathlib import Path

import pytest

from mnist_study.core.arithmetic import VERSION
from tests.support.checkout import Checkout

ONE, TWO = "one_pool-b64-step-rotate", "two_pool-b64-step-rotate"
MINE = "variants.mine={architecture: one_pool, scheduler: constant, augmentation: rotate, batch_size: 64}"


def test_a_second_repro_does_nothing_and_metrics_hold_the_contract(finished: Checkout):
    assert finished.repro() == []
    assert finished.git_status() == ""
    variants = json.loads((finished.folder / "metrics" / "variants.json").read_text())
    assert list(variants) == [ONE, TWO]
    assert {"test_accuracy", "test_loss", "train_accuracy", "parameters", "epochs", "seeds"} <= set(variants[ONE])
    assert variants[ONE]["parameters"] == 6290
    trained_on = json.loads((finished.folder / "metrics" / "trained_on.json").read_text())
    assert [list(entry["packages"]) for entry in trained_on.values()] == [["numpy", "torch"]] * 2
    for name, engine, precision in ((ONE, "torch", "fp32"), (TWO, "exact", f"integers, version {VERSION}")):
        trained, evaluated = (
            json.loads((finished.folder / "results" / kind / f"{name}.json").read_text())
            for kind in ("training", "evaluation")
        )
        assert (trained["engine"], trained["precision"]) == (engine, precision)
        last = trained["replicas"][0]["history"][-1]
        assert evaluated["replicas"][0]["test_accuracy"] == pytest.approx(last["test_accuracy"], abs=1e-3)


def test_a_clone_restores_everything_without_training(finished: Checkout, tmp_path: Path):
    finished.run("git", "clone", "--quiet", ".", str(tmp_path / "a clone"))
    clone = Checkout(tmp_path / "a clone", finished.mnist)
    clone.run("dvc", "pull", "--quiet", "--allow-missing")
    ran = clone.repro()
    assert not [stage for stage in ran if stage.startswith(("train", "evaluate", "report"))], ran
    assert clone.git_status() == ""
    weights = Path("models") / ONE / "seed-0.safetensors"
    assert (clone.folder / weights).read_bytes() == (finished.folder / weights).read_bytes()


@pytest.mark.slow
def test_deleted_results_come_back_without_training(checkout: Checkout):
    shutil.rmtree(checkout.folder / "results")
    assert checkout.repro() == []
    assert (checkout.folder / f"results/training/{ONE}.json").is_file()
    assert checkout.git_status() == ""


@pytest.mark.slow
def test_training_again_gives_the_same_lock(checkout: Checkout):
    before = (checkout.folder / "dvc.lock").read_bytes()
    assert checkout.repro("--force", "--single-item", f"train@{ONE}") == [f"train@{ONE}"]
    assert (checkout.folder / "dvc.lock").read_bytes() == before
    assert checkout.git_status() == ""  # the learning curves were drawn anew, to the same bytes


@pytest.mark.slow
@pytest.mark.changes
def test_a_champion_is_tested_on_other_images_and_leaves_no_trace_when_it_is_none(checkout: Checkout):
    before = (checkout.folder / "dvc.lock").read_bytes()
    checkout.edit("params.yaml", "champions: []", f"champions: [{ONE}]")
    assert checkout.repro() == ["configure", f"robustness@{ONE}", "report"]
    assert json.loads((checkout.folder / "metrics/summary.json").read_text())[ONE]["parameters"] == 6290
    assert f"| `{ONE}` |" in (checkout.folder / "reports/model_card.md").read_text()
    assert checkout.repro() == []
    checkout.edit("params.yaml", f"champions: [{ONE}]", "champions: []")
    checkout.repro()
    assert not (checkout.folder / f"results/robustness/{ONE}.json").exists()
    checkout.run("mnist-study", "tidy", "--delete")
    assert (checkout.folder / "dvc.lock").read_bytes() == before
    assert checkout.git_status() == ""


@pytest.mark.slow
def test_an_edited_architecture_retrains_only_its_variants(checkout: Checkout):
    checkout.edit("src/mnist_study/architectures/one_pool.py", "def build(", "# edited\ndef build(")
    ran = checkout.repro()
    assert f"train@{ONE}" in ran
    assert f"train@{TWO}" not in ran


@pytest.mark.slow
def test_an_edited_display_or_default_that_is_overridden_retrains_nothing(checkout: Checkout):
    checkout.edit("src/mnist_study/running/progress.py", '"""How', '"""In what way')
    checkout.edit("params.yaml", "{factor: 0.1, patience: 2", "{factor: 0.2, patience: 3")
    assert checkout.repro() == ["configure"]


@pytest.mark.slow
def test_an_added_variant_trains_alone_and_leaves_no_trace_when_it_goes(checkout: Checkout):
    lock = (checkout.folder / "dvc.lock").read_text()
    params = (checkout.folder / "params.yaml").read_text()
    done = checkout.run("dvc", "exp", "run", "--set-param", f"+{MINE}")
    assert [line for line in done.stdout.splitlines() if "Running stage 'train@" in line] == [
        "Running stage 'train@mine':"
    ]
    diff = json.loads(checkout.run("dvc", "metrics", "diff", "--json").stdout)
    assert set(diff) <= {"metrics/variants.json", "metrics/summary.json"}
    assert all(key.startswith("mine.") for key in diff["metrics/variants.json"])
    (checkout.folder / "params.yaml").write_text(params)
    ran = checkout.repro()
    assert not [stage for stage in ran if stage.startswith(("train", "evaluate"))]
    assert checkout.git_status().splitlines() in ([], [" M dvc.lock"])
    assert {line for line in lock.splitlines() if "md5" in line} <= set(
        (checkout.folder / "dvc.lock").read_text().splitlines()
    )


@pytest.mark.slow
def test_a_mistake_in_params_stops_everything_before_any_work(checkout: Checkout):
    checkout.edit("params.yaml", "architecture: one_pool", "architecture: onepool")
    done = checkout.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert "there is no 'onepool'; allowed: " in done.stderr
    assert "did you mean one_pool?" in done.stderr
    assert "Running stage 'train" not in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_copy_made_by_dvc_trains_its_own_code_to_the_same_bytes(checkout: Checkout):
    """`dvc exp run --temp` works in a folder of its own; what the workspace holds meanwhile must not matter."""
    weights = checkout.folder / "models" / ONE / "seed-0.safetensors"
    before = weights.read_bytes()
    done = checkout.run("dvc", "exp", "run", "--temp", "--name", "again", "--force")
    assert f"Running stage 'train@{ONE}'" in done.stdout
    checkout.run("dvc", "exp", "apply", "again")
    assert weights.read_bytes() == before
    assert checkout.git_status() == ""


@pytest.mark.slow
def test_a_report_that_fails_leaves_the_old_one(checkout: Checkout):
    """The report's outs stay where they are when it fails."""
    checkout.edit("reference/published.csv", "variant,", "name,")
    before = (checkout.folder / "metrics" / "variants.json").read_bytes()
    assert checkout.run("dvc", "repro", check=False).returncode != 0
    assert (checkout.folder / "metrics" / "variants.json").read_bytes() == before
    assert (checkout.folder / "reports" / "study.md").exists()
