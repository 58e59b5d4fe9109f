"""A variant of the engine `exact` and a metric of one's own, under real DVC."""

import json

import pytest

from tests.pipeline.test_additions import METRIC
from tests.pipeline.test_pipeline import ONE, TWO
from tests.support.checkout import Checkout

EXACT = "{architecture: two_pool, scheduler: constant, augmentation: rotate, batch_size: 64, engine: exact}"


def variants(checkout: Checkout) -> dict[str, dict[str, float]]:
    return json.loads((checkout.folder / "metrics" / "variants.json").read_text())


@pytest.mark.slow
@pytest.mark.changes
def test_a_metric_of_ones_own_costs_a_report(checkout: Checkout):
    before, page = variants(checkout), checkout.folder / "reports" / "study.md"
    checkout.edit("params.yaml", "\nvariants:\n", f"\nvariants:\n  mine: {EXACT}\n")
    assert checkout.repro() == ["configure", "train@mine", "evaluate@mine", "report"]
    after = variants(checkout)
    assert {name: after[name] for name in (ONE, TWO)} == before
    assert {"brier_score", "expected_calibration_error"} <= after["mine"].keys()
    assert 0 < after["mine"]["brier_score"] < 1
    assert after["mine"]["top_2_accuracy"] >= after["mine"]["test_accuracy"]
    checkout.commit()
    with (checkout.folder / "src/mnist_study/report/probability_metrics.py").open("a") as file:
        file.write(METRIC)
    assert checkout.repro() == ["report"]
    values = {name: metrics["a_metric"] for name, metrics in variants(checkout).items()}
    assert {*values} == {ONE, TWO, "mine"}
    assert all(0.1 < value < 1 for value in values.values())
    section = page.read_text().split("## Probabilities\n")[1].split("\n## ")[0]
    assert "- `a_metric`: How sure the network is.\n" in section
    header, _, *rows = ([cell.strip() for cell in line.split("|")] for line in section.splitlines() if line[:1] == "|")
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert {row["variant"].strip("`"): row["a_metric"] for row in told} == {
        name: str(value) for name, value in values.items()
    }
    diff = json.loads(checkout.run("dvc", "metrics", "diff", "--json").stdout)
    assert diff == {
        "metrics/variants.json": {f"{name}.a_metric": {"old": None, "new": value} for name, value in values.items()}
    }
