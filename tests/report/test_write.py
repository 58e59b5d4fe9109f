import csv
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace

import numpy as np
import pytest

from mnist_study.configure import networks
from mnist_study.core.errors import UserError
from mnist_study.report.analysis import effects
from mnist_study.report.figures import draw
from mnist_study.report.results import outcomes
from mnist_study.report.write import report_files, write_report
from tests.support import ROOT
from tests.support.studies import NETWORK, scattered, some_misses, whole_study
from tests.support.studies import PUBLISHED as PUBLISHED_ROWS
from tests.support.tiny import TINY

# name: batch size, test accuracy after each epoch, a list for each seed
STUDY = {
    "vanilla-b64-step-plain": (64, 5 * [[98.0, 99.41, 99.3]]),
    "own": (128, [[99.0, 99.5, 99.5], [99.1, 99.4, 99.6]]),
    "vanilla-b128-step-plain": (128, 5 * [[98.0, 98.5, 98.9]]),
}
PUBLISHED = ROOT / "reference/published.csv"
RECIPE = asdict(replace(TINY, architecture="vanilla", augmentation="plain", scheduler="step", epochs=19))


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def confusion(accuracy):
    misses = round(100 * (100 - accuracy))
    return [[1000 - misses * (row == 4) if row == column else 0 for column in range(10)] for row in range(4)] + [
        [misses * (column == 9) + (1000 - misses) * (column == 4) for column in range(10)],
        *([1000 * (row == column) for column in range(10)] for row in range(5, 10)),
    ]


def row(epoch, accuracy):
    values = {"train_loss": 0.1, "train_accuracy": accuracy - 0.5, "test_loss": 0.0212345, "test_accuracy": accuracy}
    return {"epoch": epoch, "lr": 0.1, **values}


@pytest.fixture
def root(tmp_path):
    return make(tmp_path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write(make(tmp_path_factory.mktemp("study")))


def make(root):
    target = {"accuracy": 99.4, "epochs": 20, "parameters": 20000}
    put(root / "build/plan.json", {"target": target, "variants": list(STUDY), "champions": []})
    network = replace(NETWORK, architecture="vanilla", options={}, variants=tuple(STUDY))
    (root / "build/networks.json").write_text(networks.to_json([network]))
    for name, (batch_size, curves) in STUDY.items():
        fields = {"variant": name, "batch_size": batch_size, "seeds": list(range(len(curves)))}
        put(root / f"build/recipes/{name}.json", RECIPE | fields)
        trained = [
            {"seed": seed, "history": [row(epoch, accuracy) for epoch, accuracy in enumerate(curve, start=1)]}
            for seed, curve in enumerate(curves)
        ]
        scored = [
            {"seed": seed, "test_accuracy": curve[-1], "test_loss": 0.02, "confusion": confusion(curve[-1])}
            for seed, curve in enumerate(curves)
        ]
        put(root / f"results/training/{name}.json", {"variant": name, "parameters": 9186, "replicas": trained})
        put(root / f"results/evaluation/{name}.json", {"variant": name, "parameters": 9186, "replicas": scored})
    return root


def gather(root, only=None):
    plan = outcomes.read_plan(root / "build/plan.json")
    return outcomes.gather(
        replace(plan, variants=only or plan.variants),
        outcomes.Images(),
        build=root / "build",
        results=root / "results",
        reference=PUBLISHED.parent,
    )


def write(root):
    write_report(gather(root), some_misses(), metrics_folder=root / "metrics", reports=root / "reports")
    written = [path for folder in ("metrics", "reports") for path in (root / folder).rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in written}


def test_the_report_is_these_files_of_the_same_bytes_each_time_and_nothing_older_stays(root, files):
    put(root / "reports/figures/old.svg", "of an earlier version")
    put(root / "metrics/other.json", "somebody else's")
    written = write(root)
    assert written.pop("metrics/other.json")
    assert written == files
    assert written.keys() == {
        "metrics/logits.json",
        "metrics/summary.json",
        "metrics/variants.json",
        "reports/networks.md",
        "reports/study.md",
        "reports/figures/against_published.svg",
        "reports/figures/confusion.svg",
        "reports/figures/effects.svg",
        "reports/figures/learning_curves.svg",
        "reports/figures/missed.svg",
        "reports/figures/network_vanilla.svg",
        "reports/figures/parameters.svg",
        "reports/plots/confusion.csv",
        "reports/plots/leaderboard.csv",
        "reports/plots/learning_curves.csv",
    }
    assert sorted(path.name for path in root.iterdir()) == ["build", "metrics", "reports", "results"]


def test_the_metrics_follow_their_contract(files):
    variants, summary = (json.loads(files[f"metrics/{name}.json"]) for name in ("variants", "summary"))
    assert list(variants) == sorted(STUDY)
    assert variants["own"]["test_accuracy_sd"] == 0.071
    assert variants["vanilla-b64-step-plain"]["epochs_to_target"] == 2
    assert summary["study"]["best_variant"] == "vanilla-b64-step-plain"
    assert (summary["study"]["variants"], summary["study"]["replicas"]) == (2, 10)


def test_every_figure_on_the_page_is_there_and_is_svg(files):
    page = (files["reports/study.md"] + files["reports/networks.md"]).decode()
    for name, content in files.items():
        if name.endswith(".svg"):
            assert ET.fromstring(content).tag.endswith("svg")  # noqa: S314 - our own file
            assert f"]({name.removeprefix('reports/')})" in page
            assert b"dc:date" not in content


def test_the_tables_for_plots(files):
    plots = {
        name: list(csv.reader(files[f"reports/plots/{name}.csv"].decode().splitlines()))
        for name in ("learning_curves", "leaderboard", "confusion")
    }
    assert plots["leaderboard"][1:] == [
        ["own", "99.550", "45.0", "40.0", "50.0"],
        ["vanilla-b64-step-plain", "99.300", "70.0", "70.0", "70.0"],
        ["vanilla-b128-step-plain", "98.900", "110.0", "110.0", "110.0"],
    ]
    assert len(plots["learning_curves"]) == 1 + 3 * (5 + 2 + 5)
    assert plots["learning_curves"][2][:3] == ["vanilla-b64-step-plain", "0", "2"]
    assert plots["learning_curves"][1][3:] == ["0.1000", "97.5000", "0.0212", "98.0000"]
    assert len(plots["confusion"]) == 101
    assert ["own", "4", "9", "50"] in plots["confusion"]  # of the first seed of `own`: 99.50


def test_without_a_row_of_the_study_nothing_is_held_against_it(root):
    written = report_files(gather(root, only=["own"]), replace(some_misses(), counts=np.zeros(30, int)))
    assert not {"figures/against_published.svg", "figures/missed.svg"} & written.keys()
    assert not re.search("stud|claim|publish", written["study.md"].decode())


def test_leftovers_of_variants_that_are_gone_are_removed(root):
    put(root / "results/training/gone.json", {})
    put(root / "models/gone/seed-0.safetensors", {})
    put(root / "models/own/seed-0.safetensors", {})
    removed = outcomes.remove_leftovers(STUDY, [root / "results/training", root / "results/none", root / "models"])
    assert removed == [root / "results/training/gone.json", root / "models/gone"]
    assert not any(path.exists() for path in removed)
    assert (root / "models/own/seed-0.safetensors").exists()
    assert len(list((root / "results/training").iterdir())) == len(STUDY)


def test_an_error_leaves_the_last_report_as_it_was(root):
    put(root / "reports/study.md", "the last report")
    (root / "results/evaluation/own.json").write_text("{")
    with pytest.raises(UserError, match=r"own\.json: not JSON"):
        write(root)
    (root / "results/evaluation/own.json").unlink()
    with pytest.raises(UserError, match=r"own\.json: cannot be read"):
        write(root)
    (root / "results/evaluation/own.json").write_text('{"parameters": 9186, "replicas": [{"test_accuracy": 99.5}]}')
    with pytest.raises(UserError, match=r"own\.json: of no variant, not of own"):
        write(root)
    (root / "results/evaluation/own.json").write_text('{"variant": "own", "replicas": [{"test_accuracy": 99.5}]}')
    with pytest.raises(KeyError):
        write(root)
    assert [path.name for path in (root / "reports").iterdir()] == ["study.md"]
    assert not (root / "metrics").exists()


def test_where_one_file_cannot_be_replaced_none_is(root, files):
    put(root / "reports/study.md", "the last report")
    (root / "metrics/summary.json").mkdir(parents=True)
    with pytest.raises(UserError, match=r"summary\.json: cannot be written \(Is a directory\); the last report is"):
        write(root)
    assert [path.name for path in (root / "reports").iterdir()] == ["study.md"]
    assert [path.name for path in (root / "metrics").iterdir()] == ["summary.json"]
    assert sorted(path.name for path in root.iterdir()) == ["build", "metrics", "reports", "results"]


def test_a_study_of_no_variants_is_refused(root):
    put(root / "build/plan.json", {"target": {"accuracy": 99.4, "epochs": 20, "parameters": 20000}, "variants": []})
    with pytest.raises(UserError, match="nothing to report"):
        outcomes.read_plan(root / "build/plan.json")


def test_curves_are_sorted_into_the_tables():
    panels = draw.panels(whole_study(scattered, mine=[99.5]))
    assert {title: len(curves) for title, curves in panels.items()} == {
        **{f"Table {n}: {name}": 12 for n, name in enumerate(["vanilla", "dropout", "transition_fc", "transition"], 1)},
        "Table 5: two_pool": 8,
        "Table 6: one_pool": 4,
        "Not in the study": 1,
    }
    assert [curve.thin for curve in panels["Table 1: vanilla"]] == [False] * 6 + [True] * 6  # batch size 64, then 128
    assert [curve.thin for curve in panels["Table 6: one_pool"]] == [False, True] * 2  # without dropout, with it
    assert panels["Not in the study"][0].kind == "mine"


def test_effects_are_drawn_beside_the_published_ones():
    results = whole_study(scattered)
    bars = draw._bars(effects.of_published(PUBLISHED_ROWS), effects.of_results(results))
    assert [len(panel) for panel in bars.values()] == [7, 5]
    assert all(bar.ours for panel in bars.values() for bar in panel)
    assert bars["Tables 1 to 4"][0].words == "batch size 64, not 128"
    assert bars["Tables 1 to 4"][0].published[0] == pytest.approx(0.063, abs=0.001)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"epochs": 3, "validation": 5000}, "epochs 3, not 19; validation 5000, not 0"),
        ({"seeds": [0, 1, 2, 3]}, "seeds 4, not 5"),
    ],
)
def test_a_row_with_other_epochs_images_held_out_or_fewer_seeds_is_listed_apart(root, changed, told):
    name = next(iter(STUDY))
    recipe = json.loads((root / f"build/recipes/{name}.json").read_text())
    put(root / f"build/recipes/{name}.json", recipe | changed)
    results = gather(root)
    assert list(results.rows()) == ["vanilla-b128-step-plain"]
    assert results.summary()["study"]["variants"] == 1
    page = report_files(results, some_misses())["study.md"].decode()
    (line,) = [line for line in page.splitlines() if line.endswith(f"| {told} |")]
    assert line.startswith(f"| `{name}` |")
    assert "counts as that row only with" in page
