"""`mnist-study predict`: which networks answer, what is printed, how it ends."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from mnist_study import architectures
from mnist_study.core import weights
from mnist_study.core.arithmetic import VERSION, head, network, optimiser, scoring
from mnist_study.core.errors import UserError
from mnist_study.core.inference import logits
from mnist_study.core.policy import Policy
from mnist_study.core.recipe import Recipe
from mnist_study.report.results.outcomes import Images
from mnist_study.tools.golden import made
from mnist_study.tools.predict import answer, picture, resample, source
from mnist_study.tools.predict.predict import WIDTH, as_json, drawn, predict, table, unsure
from tests.support.tiny import TINY

MNIST = {"side": 28, "classes": list("0123456789"), "study": True}
TARGET = {"accuracy": 99.4, "epochs": 20, "parameters": 20_000}
VARIANTS = {"worse": {"test_accuracy": 98.0}, "tiny": {"test_accuracy": 99.0}}
POLICY = {"mean": 0.13, "sd": 0.31, "ranges": {}}
RECIPE_OF_NOBODY = json.dumps({field.name: [] for field in fields(Recipe)})
DAMAGED = [
    *[
        (name, text)
        for name in (source.RECIPE, source.POLICY, source.IMAGES)
        for text in ("", "{", "[]", '{"x": 1}', "\0")
    ],
    (source.RECIPE, RECIPE_OF_NOBODY),
    (source.RECIPE, replace(TINY, model={"x": 1}).to_json()),
    (source.POLICY, json.dumps(POLICY | {"ranges": 3})),
    (source.IMAGES, json.dumps(MNIST | {"side": "28"})),
    (source.IMAGES, json.dumps(MNIST | {"classes": 10})),
]


@pytest.fixture
def project(tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one variant of two untrained networks, and two pictures in its folder `mine`."""
    texts = {
        "dvc.yaml": "",
        "build/images.json": json.dumps(MNIST),
        "build/plan.json": json.dumps({"target": TARGET, "variants": list(VARIANTS), "champions": []}),
        "metrics/variants.json": json.dumps(VARIANTS),
        "build/recipes/tiny.json": recipe.to_json(),
        f"data/transforms/{recipe.augmentation}.json": json.dumps(POLICY),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for seed in recipe.seeds:
        path = tmp_path / "models" / "tiny" / f"seed-{seed}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(weights.pack(architectures.build(recipe.architecture)))
    mine = tmp_path / "mine"
    mine.mkdir()
    for name, left in (("one.png", 50), ("[two].png", 20)):
        pixels = np.full((120, 110), 230, np.uint8)
        pixels[20:100, left : left + 18] = 30
        Image.fromarray(pixels).save(mine / name)
    monkeypatch.chdir(mine)
    return tmp_path


@pytest.mark.parametrize(
    ("champions", "given", "expected"),
    [
        (["tiny"], "worse", ("worse", "chosen")),
        ([], None, ("tiny", "the best in metrics/variants.json, where no champion is trained")),
        (["not_yet", "worse", "tiny"], None, ("worse", "the default")),
    ],
)
def test_the_first_champion_answers_unless_another_is_given_and_until_there_is_one_the_best(
    champions: list[str], given: str | None, expected: tuple[str, str]
):
    assert source.choose(VARIANTS, champions, given) == expected


def test_a_table_names_each_picture_its_digit_and_who_answers(project: Path, capsys: pytest.CaptureFixture[str]):
    predict(["one.png", "[two].png"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["picture", "digit", *"0123456789"]
    assert [line.split()[0] for line in lines[2:4]] == ["one.png", "[two].png"]
    assert lines[-1] == (
        "in percent, by the mean of 2 networks of tiny"
        " (the best in metrics/variants.json, where no champion is trained)"
    )
    assert sum(float(cell) for cell in lines[2].split()[2:]) == pytest.approx(100, abs=0.6)


def test_an_exported_folder_needs_no_checkout(project: Path, recipe: Recipe, capsys: pytest.CaptureFixture[str]):
    predict(["one.png"], json_wanted=True)
    expected = json.loads(capsys.readouterr().out)
    folder = project / "exported"
    (project / "models/tiny").rename(folder)
    (folder / source.RECIPE).write_text(recipe.to_json())
    (folder / source.POLICY).write_text(json.dumps(POLICY))
    (folder / source.IMAGES).write_text(json.dumps(MNIST))
    (project / "dvc.yaml").unlink()
    predict(["one.png"], folder=folder, json_wanted=True)
    assert json.loads(capsys.readouterr().out) == expected
    with pytest.raises(UserError, match=r"^--variant and --folder given; allowed is one of them"):
        predict(["one.png"], "tiny", folder)
    for name, text in DAMAGED:
        whole = (folder / name).read_text()
        (folder / name).write_text(text)
        with pytest.raises(UserError) as caught:
            predict(["one.png"], folder=folder)
        assert str(caught.value).startswith(f"{folder / name}: ")
        assert len(str(caught.value).splitlines()) == 1
        (folder / name).write_text(whole)
    (folder / source.IMAGES).unlink()
    with pytest.raises(UserError, match=r"images\.json: missing; `mnist-study export` restores it"):
        predict(["one.png"], folder=folder)
    with pytest.raises(UserError, match=r"^--folder: \. given, which has no recipe\.json; allowed is what"):
        predict(["one.png"], folder=Path())


def test_what_the_networks_see_is_drawn_on_demand(project: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(UserError, match=r"^--json and --show given; allowed is one of them"):
        predict(["one.png"], shown=True, json_wanted=True)
    predict(["one.png"], shown=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "one.png"
    assert [len(line) for line in lines[1:29]] == [2 * resample.SIDE] * resample.SIDE
    assert drawn(np.array([[0, 60, 130, 255]], np.uint8)) == "  ░░▒▒██"


def test_a_digit_is_named_only_where_it_stands_out(capsys: pytest.CaptureFixture[str]):
    answers = {name: np.array([1 - share, share, *[0.0] * 8]) for name, share in (("one", 0.96), ("no", 0.94))}
    Console(width=WIDTH).print(table(answers, ["no"], Images()))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[2:4]] == [["one", "1"], ["no", "unsure"]]
    assert lines[4].strip() == "unsure: no digit reaches 95 %, or several stand side by side"
    assert [unsure(shares) for shares in answers.values()] == [False, True]
    told = json.loads(as_json("tiny", [0], ["one", "no"], answers, ["no"], {}, Images()))["pictures"]
    assert [(one["digit"], one["unsure"]) for one in told] == [(1, False), (1, True)]


def test_two_digits_side_by_side_are_unsure(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    sure = np.eye(10)[[1, 1]]
    monkeypatch.setattr("mnist_study.tools.predict.predict.answer", lambda *_: sure)
    pixels = np.full((120, 160), 230, np.uint8)
    pixels[20:100, [*range(20, 38), *range(120, 138)]] = 30
    Image.fromarray(pixels).save("eleven.png")
    predict(["one.png", "eleven.png"], json_wanted=True)
    assert [one["unsure"] for one in json.loads(capsys.readouterr().out)["pictures"]] == [False, True]
    path = project / "build/images.json"
    path.write_text(json.dumps(MNIST | {"study": False}))  # a pair of something else may be one class
    predict(["one.png", "eleven.png"], json_wanted=True)
    assert [one["unsure"] for one in json.loads(capsys.readouterr().out)["pictures"]] == [False, False]


def test_of_many_classes_those_that_a_picture_may_show_have_a_column(capsys: pytest.CaptureFixture[str]):
    images = Images(side=32, classes=[f"c{label}" for label in range(26)], study=False)
    shares = np.zeros(26)
    shares[[3, 20, 21]] = 0.97, 0.025, 0.005
    Console(width=WIDTH).print(table({"one": shares}, [], images))
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0].split(), lines[2].split()) == (["picture", "class", "c3", "c20"], ["one", "c3", "97.0", "2.5"])
    (told,) = json.loads(as_json("tiny", [0], ["one"], {"one": shares}, [], {}, images))["pictures"]
    assert (told["class"], told["unsure"], len(told["probabilities"])) == ("c3", False, 26)


def test_a_picture_is_made_as_large_as_the_images(project: Path, capsys: pytest.CaptureFixture[str]):
    path, told = project / "build/images.json", []
    for side in (28, 40):
        assert resample.as_mnist(picture.read(Path("one.png")), side).shape == (side, side)
        path.write_text(json.dumps(MNIST | {"side": side}))
        predict(["one.png"], json_wanted=True)
        told.append(json.loads(capsys.readouterr().out)["pictures"][0]["probabilities"])
    assert told[0] != told[1]  # the network saw another image


def test_nothing_is_said_of_unsure_where_all_digits_stand_out(capsys: pytest.CaptureFixture[str]):
    Console(width=WIDTH).print(table({"one": np.eye(10)[1]}, [], Images()))
    assert "unsure" not in capsys.readouterr().out


def test_json_has_the_mean_of_the_networks_probabilities(
    project: Path, recipe: Recipe, capsys: pytest.CaptureFixture[str]
):
    predict(["one.png"], "tiny", json_wanted=True)
    told = json.loads(capsys.readouterr().out)
    image = torch.from_numpy(resample.as_mnist(picture.read(Path("one.png"))))[None]
    policy = Policy.read(project / "data/transforms" / f"{recipe.augmentation}.json")
    model, answers = architectures.build(recipe.architecture), []
    for seed in recipe.seeds:
        weights.load(model, project / "models" / "tiny" / f"seed-{seed}.safetensors")
        answers.append(logits(model, image, policy).softmax(1)[0].numpy())
    (told_picture,) = told["pictures"]
    assert (told["variant"], told["seeds"], told_picture["file"]) == ("tiny", [0, 1], "one.png")
    assert told_picture["probabilities"] == pytest.approx(np.mean(answers, 0), abs=1e-5)
    assert told_picture["digit"] == np.mean(answers, 0).argmax()


def test_networks_trained_by_integers_answer_by_integers(recipe: Recipe, tmp_path: Path):
    exact = replace(recipe, engine="exact", seeds=(0, 1))
    policy, images = Policy(0.13, 0.31, {}), made.images("predict", 3).images.numpy()
    answers = []
    for seed in exact.seeds:
        model = architectures.build(exact.architecture)
        optimiser.initialise(model, seed)
        (tmp_path / f"seed-{seed}.safetensors").write_bytes(weights.pack(model, {"arithmetic": str(VERSION)}))
        own = scoring.logits(network.read(model), torch.from_numpy(images), policy.mean, policy.sd)
        answers.append(head.probabilities(own).float())
    told = answer.probabilities(exact, policy, tmp_path, images)
    assert told.tobytes() == torch.stack(answers).mean(0).numpy().tobytes()
    (tmp_path / "seed-1.safetensors").write_bytes(weights.pack(architectures.build(exact.architecture)))
    with pytest.raises(UserError, match=r"seed-1\.safetensors: trained by arithmetic none, scored by"):
        answer.probabilities(exact, policy, tmp_path, images)


@pytest.mark.parametrize("json_wanted", [False, True])
def test_a_picture_that_cannot_be_read_is_named_and_the_rest_answered(
    json_wanted: bool, project: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(UserError) as caught:
        predict(["none.png", "one.png", "dvc.yaml"], json_wanted=json_wanted)
    assert str(caught.value).splitlines() == [f"{name}: there is no such file" for name in ("none.png", "dvc.yaml")]
    out = capsys.readouterr().out
    if json_wanted:
        pictures = json.loads(out)["pictures"]
        assert [one["file"] for one in pictures] == ["none.png", "one.png", "dvc.yaml"]
        assert [one.get("error") for one in pictures] == [
            "none.png: there is no such file",
            None,
            "dvc.yaml: there is no such file",
        ]
    else:
        assert out.splitlines()[2].startswith(" one.png")


def test_without_a_picture_that_can_be_read_no_network_is_loaded(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mnist_study.tools.predict.predict.answer", lambda *_: pytest.fail("networks are loaded"))
    with pytest.raises(UserError, match=r"^none\.png: there is no such file$"):
        predict(["none.png"])
    assert capsys.readouterr().out == ""
    with pytest.raises(UserError, match=r"^none\.png: there is no such file$"):
        predict(["none.png"], json_wanted=True)
    told = json.loads(capsys.readouterr().out)
    pictures = [{"file": "none.png", "error": "none.png: there is no such file"}]
    assert told == {"variant": None, "seeds": [], "pictures": pictures}


@pytest.mark.parametrize(
    ("gone", "variant", "words"),
    [
        ("models/tiny/seed-1.safetensors", None, "seed-1.safetensors: missing; `dvc pull models/tiny` restores it"),
        ("data/transforms/rotate.json", None, "rotate.json: missing; `dvc pull --allow-missing` restores it"),
        ("metrics/variants.json", None, "variants.json: missing; `dvc repro` restores it"),
        ("build/recipes/tiny.json", None, "`dvc repro configure` has not run"),
        ("build/images.json", None, "images.json: cannot be read (No such file or directory); `dvc repro` makes it"),
        (
            "dvc.yaml",
            None,
            "or name a folder that `mnist-study export` wrote by --folder",
        ),
        (
            None,
            "tinny",
            "variant: 'tinny' given; allowed are the names in metrics/variants.json; did you mean tiny?",
        ),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(gone: str | None, variant: str | None, words: str, project: Path):
    if gone:
        (project / gone).unlink()
    with pytest.raises(UserError) as caught:
        predict(["one.png"], variant)
    assert str(caught.value).endswith(words)
    assert len(str(caught.value).splitlines()) == 1
