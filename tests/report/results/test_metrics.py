import json

import pytest

from mnist_study.report.results import metrics
from mnist_study.report.results.reference import read_published
from tests.support import ROOT

PUBLISHED = ROOT / "reference/published.csv"


def training(*curves):
    return {
        "replicas": [
            {"seed": seed, "history": [{"train_accuracy": value - 0.5, "test_accuracy": value} for value in curve]}
            for seed, curve in enumerate(curves)
        ]
    }


def evaluation(*accuracies, **more):
    replicas = [{"test_accuracy": accuracy, "test_loss": 0.02} | more for accuracy in accuracies]
    return {"parameters": 9186, "replicas": replicas}


def variant(accuracy, seeds=1):
    return {"test_accuracy": accuracy, "seeds": seeds, "parameters": 18000}


def test_one_seed_has_no_standard_deviation_and_an_unreached_target_no_epoch():
    assert metrics.of_variant(training([98.0, 99.3, 99.2]), evaluation(99.2), 99.4) == {
        "test_accuracy": 99.2,
        "test_loss": 0.02,
        "train_accuracy": 98.7,
        "best_epoch_test_accuracy": 99.3,
        "parameters": 9186,
        "epochs": 3,
        "seeds": 1,
    }


def test_two_seeds_are_judged_by_their_mean_curve():
    summed = metrics.of_variant(training([99.5, 99.41, 99.37], [99.2, 99.39, 99.4]), evaluation(99.37, 99.4), 99.4)
    assert summed["test_accuracy"] == 99.385
    assert summed["test_accuracy_sd"] == 0.021
    assert summed["epochs_to_target"] == 2  # 99.35, then 99.40: the 99.5 of one seed alone does not count
    assert summed["best_epoch_test_accuracy"] == 99.4


def test_every_figure_of_several_seeds_is_their_mean():
    replicas = [
        {"test_accuracy": 99.0, "test_loss": 0.02, "validation_accuracy": 98.0},
        {"test_accuracy": 99.2, "test_loss": 0.03005, "validation_accuracy": 98.3},
    ]
    summed = metrics.of_variant(training([99.0], [99.2]), {"parameters": 9186, "replicas": replicas}, 99.4)
    assert summed == {
        "test_accuracy": 99.1,
        "test_accuracy_sd": 0.141,
        "test_loss": 0.025,
        "train_accuracy": 98.6,
        "validation_accuracy": 98.15,
        "best_epoch_test_accuracy": 99.1,
        "parameters": 9186,
        "epochs": 1,
        "seeds": 2,
    }


def test_validation_accuracy_is_there_where_there_is_one():
    trained, evaluated = training([99.0]), evaluation(99.0, validation_accuracy=98.76543)
    assert metrics.of_variant(trained, evaluated, 99.4)["validation_accuracy"] == 98.765


def test_the_summary_compares_rows_that_both_have():
    variants = {"a": variant(99.4), "mine": variant(99.9), "b": variant(99.3, seeds=2), "c": variant(99.4)}
    assert metrics.summary(variants, {"a": 99.41, "b": 99.2, "c": 99.4, "elsewhere": 10.0}, 99.4) == {
        "schema_version": 1,
        "study": {
            "variants": 3,
            "replicas": 4,
            "mean_test_accuracy": 99.367,
            "published_mean_test_accuracy": 99.337,
            "variants_at_target": 2,
            "published_variants_at_target": 2,
            "variants_at_or_above_published": 2,
            "best_variant": "a",
            "best_test_accuracy": 99.4,
        },
    }


def test_without_a_row_of_the_study_only_counts_are_left():
    study = metrics.summary({"mine": variant(99.9)}, {"a": 99.0}, 99.4)["study"]
    assert study.keys() == {
        "variants",
        "replicas",
        "variants_at_target",
        "published_variants_at_target",
        "variants_at_or_above_published",
    }
    assert set(study.values()) == {0}


def test_each_champion_has_a_place_of_its_own():
    champion = {"variant": "champion", "test_accuracy": 99.6, "parameters": 18000, "seeds": 5}
    variants = {"other": variant(99.5), "champion": variant(99.6, seeds=5)}
    whole = metrics.summary(variants, {}, 99.4, ["champion"])
    assert whole["champion"] == champion
    assert "other" not in whole
    assert whole["study"]["variants"] == 0


def test_published_rows_sum_up_to_the_published_figures():
    published = {name: row.test_accuracy for name, row in read_published(PUBLISHED).items()}
    study = metrics.summary({name: variant(accuracy) for name, accuracy in published.items()}, published, 99.4)["study"]
    assert (study["variants"], study["published_variants_at_target"]) == (60, 9)
    assert study["published_mean_test_accuracy"] == pytest.approx(99.295)


def test_the_text_has_sorted_keys_and_ends_its_last_line():
    text = metrics.to_json({"b": 1, "a": {"d": 1, "c": 2}})
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["a", "b"]
