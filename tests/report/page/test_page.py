import re
from dataclasses import replace

import pytest
import yaml

from mnist_study.report import page
from mnist_study.report.analysis import claims, effects
from mnist_study.report.page.markdown import anchor, interval, table
from mnist_study.report.page.oddities import oddities
from mnist_study.report.results.outcomes import Images
from mnist_study.report.results.probabilities import METRICS
from tests.support.studies import NETWORK, PUBLISHED, TARGET, scattered, some_misses, whole_study

PUBLISHED_FITS = effects.of_published(PUBLISHED)
CHAMPION = [99.5, 99.6, 99.7]


def write(results, figures=()):
    ours = effects.of_results(results)
    judged = claims.judge(results, PUBLISHED_FITS, ours, effects.of_epoch(results, claims.EARLY))
    return page.write(results, some_misses(), judged, PUBLISHED_FITS, ours, figures)["study.md"]


def write_without_study(results, figures=()):
    return page.write(results, some_misses(), [], {}, {}, figures)


def networks_page(networks):
    results = replace(whole_study(scattered, only=[], mine=[99.5]), networks=networks)
    return write_without_study(results)["networks.md"]


def rows(text):
    """The cells of each line of a table, by its first cell; of the last table that has it."""
    lines = [line[2:-2].split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {line[0].strip("`"): line for line in lines}


def section(text, title):
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def whole():
    return write(whole_study(lambda row, seed: scattered(row, seed) + 0.1 * (row.batch_size == 64), champion=CHAMPION))


def test_the_result_comes_first_and_says_what_was_found(whole):
    top = whole.split("## ")[0]
    assert "**60 rows of the study, 180 networks trained: mean test accuracy 99.3" in top
    assert "99.295 % published; at 99.40 % or more: " in top
    assert "by simultaneous intervals; published 9.**" in top
    assert "- `champion`, not in the study, 18,000 parameters: 99.600 ± 0.100 % over 3 seeds" in top
    assert re.search(r"The study's 20 \[claims\]\(#the-studys-claims\), supported: \d+; contradicted: \d;", top)


def test_the_contents_lead_to_every_section(whole):
    titles = re.findall(r"^## (.*)$", whole, re.M)
    assert re.findall(r"^- \[(.*)\]\((#.*)\)$", whole, re.M) == [(title, anchor(title)) for title in titles]
    assert titles[0] == "The study's claims"
    links = set(re.findall(r"\]\((#[^)]*)\)", whole))
    assert links <= {anchor(title) for title in titles}


def test_metrics_of_probabilities_are_shown_where_there_are_any(whole):
    assert "## Probabilities" not in whole
    results = whole_study(lambda row, seed: 99.3, only=[], kept=[99.5], landed=[99.4])
    outcome = results.outcomes["kept"]
    outcome = replace(outcome, metrics=outcome.metrics | dict.fromkeys(METRICS, 0.25))
    text = section(
        write_without_study(replace(results, outcomes=results.outcomes | {"kept": outcome}))["study.md"],
        "Probabilities",
    )
    assert rows(text)["kept"] == ["`kept`", *["0.25"] * len(METRICS)]
    assert "landed" not in text
    assert "- `top_2_accuracy`: Images whose label is one of the two most probable classes, in percent." in text


def test_each_row_of_each_table_stands_beside_its_published_one(whole):
    tables = section(whole, "Here against published").split("<summary>Table ")[1:]
    assert [len(rows(text)) - 2 for text in tables] == [12, 12, 12, 12, 8, 4]
    assert '"Batch Norm + FC + GAP" there; 9,186 parameters; 12 of its 12 rows.' in tables[0]
    means = rows(section(whole, "Here against published").split("<summary>Table ")[0])
    assert means["5"][1:5] == ["`two_pool`", "6,290", "8 of 8", "99.320"]
    assert float(means["5"][5]) - 99.32 == pytest.approx(float(means["5"][6]), abs=0.001)
    cells = rows(tables[4])["two_pool_dropout-b64-plateau-rotate"]
    assert cells[1] == "99.975"
    assert cells[3] == "99.42"
    assert cells[-1] in ("agrees", "higher", "lower")


def test_the_comparison_of_a_row(whole):
    results = whole_study(lambda row, seed: 98.9, seeds=1, only=["vanilla-b128-step-plain"])
    table = ["99.54", "98.40", "99.2", "98.90", "98.68 to 99.09", "-0.300", "-0.570 to -0.030", "lower"]
    assert rows(write(results))["vanilla-b128-step-plain"][1:] == table


def test_effects_are_given_with_model_and_numbers(whole):
    text = section(whole, "Effects")
    assert "Here: 144 networks, 119 residual degrees of freedom" in text
    assert "Rows share seeds" in text
    assert "Published: 12 networks, 6 residual degrees of freedom" in text
    cells = rows(text)["batch size 64, not 128"]
    assert float(cells[1]) == pytest.approx(0.1, abs=0.02)
    assert cells[3:] == ["+0.062", "+0.027 to +0.098"]


def test_what_reaches_the_target_and_when(whole):
    cells = rows(section(whole, "The target"))["champion"]
    assert cells[1:] == ["18,000", "none", "2", "99.60", "99.600 ± 0.100", "3 of 3", "yes"]
    low = write(whole_study(lambda row, seed: 99.0, seeds=1, only=["vanilla-b64-step-plain"]))
    assert "No variant reaches 99.40 % within 20 epochs and with fewer than 20,000 parameters." in low


def test_each_network_has_its_diagram_and_its_layers(whole):
    assert rows(section(whole, "The networks"))["[made_up, dropout 0.04](networks.md#made_up-dropout-004)"][1:] == [
        *("170", "48,752", "5", "1"),
    ]
    text = networks_page([NETWORK])
    assert "## made_up, dropout 0.04\n\n170 parameters, 48,752 multiply-accumulates per image; 1 variant." in text
    assert "](figures/network_made_up-dropout-0.04.svg)" in text
    assert rows(text)["1"] == ["1", "Conv2d 3x3", "8 x 26 x 26", "3", "80", "48,672"]


def test_missed_images_are_counted(whole):
    missed = "Of the 30 test images 3 are missed by at least one of the 4 networks of this run, 2 by more than half of"
    assert f"{missed} them and 1 by all." in section(whole, "What is missed")


def test_a_row_alone_leaves_out_what_it_is_too_little_for():
    row = "vanilla-b64-step-plain"
    text = write(whole_study(scattered, seeds=1, only=[row], mine=[99.5]), figures=("parameters",))
    assert text.startswith("# Tiny MNIST networks, trained again\n\n**1 row of the study, 1 network trained: ")
    assert "- `mine`, not in the study, 18,000 parameters: 99.50 % over 1 seed (95 % interval 99.3" in text
    assert "Not estimated here: that takes all 48 rows of tables 1 to 4." in text
    assert "With one seed per row, the variance between seeds is unknown." in text
    assert rows(text)["Batch size 64 beats 128"][2:] == ["not all rows are trained", "", "**not tested**", ""]
    assert re.findall(r"\]\(figures/(\w+)\.svg\)", text) == ["parameters"]


@pytest.mark.parametrize("images", [Images(), Images(side=20, classes=["cat", "dog"], study=False)])
def test_without_a_row_of_the_study_nothing_is_said_of_it(images):
    found = whole_study(scattered, only=[], mine=[90.0, 91.0], champion=[80.0])
    results = replace(found, images=images)
    text = write_without_study(results, ("parameters", "learning_curves", "missed"))["study.md"]
    assert text.startswith(
        f"# Results\n\n**2 variants on 10,000 test images of {len(images.classes)} classes; the best"
    )
    assert "the best is `mine` with 90.500 ± 0.707 %.**" in text
    assert "- `champion`, 18,000 parameters: 80.00 % over 1 seed (95 % interval 79.2" in text
    assert re.findall(r"^## (.*)$", text, re.M) == [
        "The target",
        "The variants",
        "Learning curves",
        "What is missed",
        "The networks",
        "How to read the numbers",
    ]
    assert not re.search("claim|stud|MNIST's|published|docs/|tables?\\b", text)
    assert bool(re.search("digit.*Northcutt", text, re.S)) == images.study


def test_the_contradictions_are_those_of_the_published_table():
    text = oddities(PUBLISHED, TARGET)
    assert "No cell of the 60 holds 99.57; the highest is 99.54 (`transition-b64-step-affine_jitter`)" in text
    assert "of the 9 rows at 99.40 % or more, 1 has none" in text
    assert "Of the 50 rows with one or both, 9 are at 99.40 % or more." in text
    assert "training accuracy of 99.975, among neighbours of 98.76 to 99.53" in text


def test_markdown():
    assert table(("a", "b"), [(1, "x")]) == "| a | b |\n| --- | --- |\n| 1 | x |"
    assert interval((-0.1, 0.25), "+.2f") == "-0.10 to +0.25"
    assert anchor("The study's claims") == "#the-studys-claims"


def test_networks_with_other_options_have_other_titles():
    text = networks_page([NETWORK, replace(NETWORK, options={})])
    assert re.findall(r"\]\(figures/(.+)\.svg\)", text) == ["network_made_up-dropout-0.04", "network_made_up"]
    assert re.findall(r"^## (.*)$", text, re.M) == ["made_up, dropout 0.04", "made_up"]


def test_the_model_card_lists_every_network_of_the_champions_and_their_limits():
    results = whole_study(scattered, only=[], best=CHAMPION, other=[99.0])
    conditions = [
        {"change": "as they are", "images": 2500, "accuracies": CHAMPION},
        {"change": "turned", "images": 2500, "accuracies": [90.0, 91.0, 92.0]},
    ]
    assert "model_card.md" not in write_without_study(results)
    best = replace(results.outcomes["best"], robustness=conditions)
    named = replace(results, outcomes=results.outcomes | {"best": best}, champions=["best"])
    card = write_without_study(named)["model_card.md"]
    head = yaml.safe_load(card.split("---\n")[1])
    (model,) = head["model-index"]
    assert (model["name"], model["results"][0]["metrics"]) == ("best", [{"type": "accuracy", "value": 0.996}])
    seeds = [replica["seed"] for replica in best.evaluation["replicas"]]
    expected = [f"{seed}: {each:.2f}" for seed, each in zip(seeds, CHAMPION, strict=True)]
    assert rows(card)["best"][-1].split(", ") == expected
    assert rows(card)["as they are"] == ["as they are", "2,500", "99.60"]
    assert rows(card)["turned"] == ["turned", "2,500", "91.00"]
    assert "`other`" not in card


def test_the_interval_of_a_champion_of_one_network_is_named():
    results = whole_study(scattered, only=[], best=[99.5])
    card = write_without_study(replace(results, champions=["best"]))["model_card.md"]
    assert rows(card)["best"][3] == "one network; for other test images 99.341 to 99.621"


def test_the_model_card_names_the_champion_for_noisy_pictures():
    results = whole_study(scattered, only=[], best=CHAMPION, small=[99.0] * 3)
    change = "with noise, standard deviation 0.2 of white"

    def card(first: float, second: float) -> str:
        outcomes = dict(results.outcomes)
        for name, accuracy in (("best", first), ("small", second)):
            noisy = {"change": change, "images": 2500, "accuracies": [accuracy]}
            outcomes[name] = replace(outcomes[name], robustness=[noisy])
        return write_without_study(replace(results, outcomes=outcomes, champions=list(outcomes)))["model_card.md"]

    words = (
        "For noisy pictures take `small`: with noise, standard deviation 0.2 of white, it names 98.00 % of the images"
    )
    assert words + " right, `best` 60.00 %." in card(60.0, 98.0)
    assert "For noisy pictures" not in card(98.0, 60.0)


def test_a_model_card_of_other_images_says_nothing_of_mnist():
    results = whole_study(scattered, only=[], best=CHAMPION)
    images = Images(classes=("shirt", "shoe"), study=False)
    card = write_without_study(replace(results, images=images, champions=["best"]))["model_card.md"]
    assert "one of shirt, shoe" in card
    assert "MNIST" not in card
    assert "digit" not in card.split("---\n", 2)[2]
