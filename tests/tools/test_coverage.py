"""The simulation of whole studies: variances are found again, and intervals are as right as they should be."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mnist_study.core.errors import UserError
from mnist_study.report.analysis import effects
from mnist_study.report.analysis.designs import FULL_WIDTH, REDUCED
from mnist_study.tools.coverage import analyses, made_up
from mnist_study.tools.coverage.coverage import coverage
from mnist_study.tools.coverage.made_up import Spread
from tests.support import ROOT
from tests.support.studies import PUBLISHED, scattered, whole_study

ROWS = pd.DataFrame([effects.run(name, row, 0, 0.0) for name, row in PUBLISHED.items()])
ROWS["group"] = ROWS["scheduler"] + ", " + ROWS["augmentation"]
FACTORS = {"architecture": 0.03, "batch_size": 0.05, "scheduler": 0.0, "augmentation": 0.04}
SPREAD = Spread(0.06, FACTORS, {group: 0.05 + 0.01 * place for place, group in enumerate(ROWS["group"].unique())})


def made(studies: int, seeds: int, *, shared: bool) -> np.ndarray:
    return made_up.draw(ROWS, SPREAD, (studies, seeds), np.random.default_rng(1), shared=shared)


def test_variances_are_found_again():
    found = made_up.measure(ROWS, made(1, 400, shared=True)[0])
    assert found.seed == pytest.approx(0.06, rel=0.15)
    assert found.factors == pytest.approx(FACTORS, abs=0.008)
    assert found.rest == pytest.approx(SPREAD.rest, rel=0.15)


def test_a_network_varies_as_much_whether_seeds_are_shared_or_not():
    one, other = (made(2000, 2, shared=shared).std((0, 2)) for shared in (True, False))
    assert one == pytest.approx(other, rel=0.1)


def test_noise_that_is_drawn_again_has_the_spread_of_its_group():
    found = made(1, 5, shared=False)[0]
    again = made_up.draw_again(ROWS, found, (4000, 5), np.random.default_rng(2))
    for group in ROWS["group"].unique():
        own = (ROWS["group"] == group).to_numpy()
        assert again[:, own].std() == pytest.approx(np.sqrt(found[own].var(1, ddof=1).mean()), rel=0.02)
        assert again[:, own].mean() == pytest.approx(0, abs=0.003)


@pytest.mark.parametrize("design", [FULL_WIDTH, REDUCED])
def test_rows_with_seeds_of_their_own_have_right_intervals(design):
    chosen = ROWS["table"].isin(design.tables)
    share = right(analyses.independent, design, chosen, shared=False)
    assert share == pytest.approx(95, abs=2.5)
    assert right(analyses.by_seed, design, chosen, shared=True) == pytest.approx(95, abs=2.5)


def test_shared_seeds_taken_for_independent_networks_have_wrong_intervals():
    chosen = ROWS["table"].isin(FULL_WIDTH.tables)
    assert right(analyses.with_blocks, FULL_WIDTH, chosen, shared=True)[0] < 75  # batch size
    assert right(analyses.mixed, FULL_WIDTH, chosen, shared=True)[0] == pytest.approx(95, abs=2.5)


def right(analyse, design, chosen, *, shared: bool) -> np.ndarray:
    """Percent of 1,000 studies whose interval contains 0, for each comparison."""
    rows = ROWS[chosen].reset_index(drop=True)
    values, errors, df = analyse(design, rows, made(1000, 5, shared=shared)[:, chosen.to_numpy()])
    return 100 * (np.abs(values) <= stats.t.isf(0.025, df) * errors).mean(0)


def test_the_simulation_analyses_as_the_report_does():
    results = whole_study(scattered)
    accuracies = np.array([[outcome.accuracies for outcome in results.outcomes.values()]])
    chosen = ROWS["table"].isin(REDUCED.tables)
    values, errors, df = analyses.independent(
        REDUCED, ROWS[chosen].reset_index(drop=True), accuracies[:, chosen.to_numpy()]
    )
    fit = effects.of_results(results)[REDUCED.title]
    assert values[0] == pytest.approx([effect.value for effect in fit.effects.values()])
    halves = [effect.high - effect.value for effect in fit.effects.values()]
    assert stats.t.isf(0.025, df) * errors[0] == pytest.approx(halves)


def test_a_file_of_something_else_is_an_error(tmp_path):
    path = tmp_path / "own.csv"
    with pytest.raises(UserError, match=r"own\.csv: no table"):
        made_up.read(path, list(PUBLISHED))
    path.write_text("variant,seed,test_accuracy\n" + "".join(f"{name},0,99.3\n" for name in PUBLISHED))
    with pytest.raises(UserError, match="1 seeds given"):
        made_up.read(path, list(PUBLISHED))


def test_docs_have_what_the_command_prints():
    folder = ROOT / "docs/statistics"
    # Another processor's sums may move a study from one side of a bound to the other.
    printed = coverage(folder / "shared_seeds.csv", folder / "own_seeds.csv", 10_000, 5)
    kept = (ROOT / "docs/statistics.md").read_text()
    kept = kept[kept.index("| source") : kept.rindex(" |\n") + 2]
    figure = r"\d+\.\d+"
    assert re.sub(figure, "", printed) == re.sub(figure, "", kept)
    numbers = [[float(number) for number in re.findall(figure, text)] for text in (printed, kept)]
    assert numbers[0] == pytest.approx(numbers[1], abs=0.2)
