"""What the site shows is what metrics/ and the report have, for whatever study there is."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_study.core.errors import UserError
from mnist_study.report.analysis import claims, effects
from mnist_study.report.analysis.rows import against_published, noises, own_interval, verdict
from mnist_study.report.page.claim_tables import counted_verdicts
from mnist_study.report.results import metrics
from mnist_study.report.results.outcomes import Images, Results
from mnist_study.tools.site import details, pages, study
from mnist_study.tools.site.study import Study
from tests.support.studies import NETWORK, scattered, some_misses, whole_study


def judged(results: Results) -> Study:
    results = replace(results, networks=[replace(NETWORK, variants=tuple(results.outcomes))])
    published, ours, found = effects.of_published(results.published), effects.of_results(results), []
    if results.images.study:
        found = claims.judge(results, published, ours, effects.of_epoch(results, claims.EARLY))
    return Study(results, found, ours, published)


WHOLE = judged(whole_study(scattered, champion=[99.6, 99.62, 99.58], one_seed=[92.8]))


def written(found: Study, monkeypatch: pytest.MonkeyPatch, hashes: dict[str, dict[int, str | None]]) -> dict[str, str]:
    monkeypatch.setattr(pages, "misses_of", lambda name, results: some_misses())
    return pages.write(found, hashes)


def test_the_figures_are_those_of_the_metrics_and_of_the_report():
    results, data = WHOLE.results, study.as_data(WHOLE)
    noise = noises(results)
    json.dumps(data, allow_nan=False)
    for name, outcome in results.outcomes.items():
        own = data["variants"][name]
        assert own["accuracy"] == outcome.metrics["test_accuracy"]
        assert own["sd"] == outcome.metrics.get("test_accuracy_sd")
        assert own["curve"] == metrics.curve(outcome.training)
        assert own["interval"] == pytest.approx(own_interval(outcome), abs=1e-4)
        if outcome.published:
            ends = against_published(outcome, noise[name])
            assert own["difference_interval"] == pytest.approx(ends, abs=1e-4)
            assert own["verdict"] == verdict(ends)
        else:
            assert "published" not in own
    found = [change["here"][0] for design in data["effects"] for change in design["changes"]]
    fitted = [effect.value for fit in WHOLE.ours.values() for effect in fit.effects.values()]
    assert found == pytest.approx(fitted, abs=1e-4)


def test_the_pages_of_a_whole_study(monkeypatch: pytest.MonkeyPatch):
    hashes = {"champion": {10: "ab" * 32}, "one_seed": {}}
    made = written(WHOLE, monkeypatch, hashes)
    assert {"index.html", "rows.html", "claims.html", "draw.html", "proof.html"} < made.keys()
    assert {f"variants/{name}.html" for name in WHOLE.results.outcomes} < made.keys()
    summary = WHOLE.results.summary()["study"]
    assert f"{summary['mean_test_accuracy']:.3f} %" in made["index.html"]
    assert made["rows.html"].count("<tr data-name=") == len(WHOLE.results.outcomes)
    assert made["claims.html"].count('class="claim"') == len(WHOLE.claims)
    for words, count in re.findall(r"(\w+): (\d+)", counted_verdicts(WHOLE.claims)):
        assert f"{count} {words}" in made["claims.html"]
    assert "ab" * 32 in made["proof.html"]
    assert "<option>champion</option>" in made["draw.html"]
    assert "<option>one_seed</option>" not in made["draw.html"]  # the arithmetic does not define it
    for name, page in made.items():
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page), name
        assert not re.search(r"type=.?module|fetch\(|import ", page), name


def test_a_variants_page_has_all_its_metrics_and_says_what_again_is(monkeypatch: pytest.MonkeyPatch):
    outcome = WHOLE.results.outcomes["champion"]
    more = replace(outcome, metrics=outcome.metrics | {"brier_score": 0.0123, "my_own_metric": 1234.5})
    results = replace(WHOLE.results, outcomes=WHOLE.results.outcomes | {"champion": more})
    page = written(judged(results), monkeypatch, {"champion": {}})["variants/champion.html"]
    for name, value in more.metrics.items():
        assert re.search(rf'{name.replace("_", " ")}</th><td class="number">{value:,}</td>', page), name
    assert "Squared distance between an image&#39;s probabilities and its label" in page
    assert "“Again” is" not in page
    again = replace(NETWORK, layers=[*NETWORK.layers, replace(NETWORK.layers[0], name="Conv2d 3x3 again")])
    results = replace(results, networks=[replace(again, variants=tuple(results.outcomes))])
    monkeypatch.setattr(pages, "misses_of", lambda name, results: some_misses())
    made = pages.write(replace(WHOLE, results=results), {"champion": {}})
    assert "“Again” is the convolution before once more" in made["variants/champion.html"]


def test_the_pages_where_the_images_are_not_the_studys(monkeypatch: pytest.MonkeyPatch):
    names = [f"kind {letter} & <more>" for letter in "abcdefghij"]
    results = whole_study(scattered, only=[], mine=[91.0, 92.0], alone=[88.0])
    results = replace(results, published={}, images=Images(classes=names, study=False))
    made = written(judged(results), monkeypatch, {"mine": {0: None}, "alone": {}})
    assert "claims.html" not in made
    text = "\n".join(made.values())
    assert "MNIST" not in text
    assert "the study" not in text.lower()
    assert "kind a &amp; &lt;more&gt;" in made["variants/mine.html"]
    assert "nothing to check" in made["proof.html"]
    assert "published" not in made["rows.html"].lower()


def test_without_a_network_that_the_arithmetic_defines_there_is_nothing_to_draw_on(monkeypatch: pytest.MonkeyPatch):
    made = written(WHOLE, monkeypatch, {name: {} for name in WHOLE.results.outcomes})
    assert "draw.html" not in made
    assert not [name for name, page in made.items() if "draw.html" in page]


def test_settings_that_are_off_are_left_out():
    outcome = WHOLE.results.outcomes["champion"]
    assert {"weight_decay", "ema", "anneal_strength", "variant"}.isdisjoint(details.settings(outcome))
    recipe = replace(outcome.recipe, ema=0.998, anneal_epochs=3, model={"dropout": 0.04}, engine="exact")
    shown = details.settings(replace(outcome, recipe=recipe))
    assert shown["ema"] == 0.998
    assert shown["anneal_strength"] == 1.0
    assert shown["model: dropout"] == 0.04


def test_blocks_hold_all_layers_and_parameters():
    blocks = details.blocks(NETWORK)
    assert [name for block in blocks for name in block["names"]] == [layer.name for layer in NETWORK.layers]
    assert sum(block["parameters"] for block in blocks) == NETWORK.parameters
    assert [block["size"] for block in blocks] == ["8 x 26 x 26", "10"]


def test_the_missed_images_are_those_that_most_seeds_miss():
    found = details.missed(some_misses())
    assert [(each["image"], each["label"], each["answer"], each["seeds"]) for each in found] == [
        (3, 3, 4, 4),
        (7, 7, 8, 3),
        (9, 9, 0, 2),
    ]
    assert found[0]["picture"].startswith("data:image/png;base64,")
    none = replace(some_misses(), counts=np.zeros(30, int))
    assert details.missed(none) == []


def test_metrics_of_other_results_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "metrics" / "variants.json"
    path.parent.mkdir()
    variants: dict[str, Any] = WHOLE.results.variants()
    path.write_text(metrics.to_json(variants))
    study._refuse_other_metrics(WHOLE.results)
    path.write_text(metrics.to_json(variants | {"champion": variants["champion"] | {"test_accuracy": 99.9}}))
    with pytest.raises(UserError, match=r"metrics/variants.json: not what results/ gives; `dvc repro` writes it"):
        study._refuse_other_metrics(WHOLE.results)


def test_code_in_a_claim_is_marked_and_the_rest_escaped():
    assert pages._code("best `a<b`, 3 > 2") == "best <code>a&lt;b</code>, 3 &gt; 2"
