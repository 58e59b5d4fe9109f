"""The section `data` of params.yaml: what images there are, and that each network fits them."""

import json
from typing import Any

import pytest
from ruamel.yaml import YAML

from mnist_study.configure import build
from mnist_study.configure.data import MNIST, Data
from mnist_study.configure.params import Plan
from mnist_study.core.errors import UserError
from tests.support.checkout import PARAMS

SOURCES: dict[str, Any] = {"sources": ["folder"], "seconds": 20}
HASH = "0123456789abcdef" * 4
FILES = {role: {"sha256": HASH} for role in ("train_images", "train_labels", "test_images", "test_labels")}


def check(**data: Any) -> Plan:
    params = YAML(typ="safe", pure=True).load(PARAMS)
    params["data"] = SOURCES | data
    return build.check(params, "params.yaml")


def mistakes(**data: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        check(**data)
    return [line.removeprefix("params.yaml: ") for line in str(caught.value).splitlines()]


def images_of(plan: Plan) -> dict[str, Any]:
    return json.loads(build.texts(plan)["images.json"])


def test_without_more_the_images_are_mnist_and_no_recipe_names_classes():
    plan = check()
    assert images_of(plan) == {"side": 28, "classes": list("0123456789"), "study": True}
    files = plan.data.to_download()["images"]["files"]
    assert {name: file["sha256"] for name, file in files.items()} == MNIST
    assert [recipe.model for recipe in plan.recipes] == [{}, {}]


def test_mnist_may_be_spelt_out():
    spelt = {role: {"name": name, "sha256": MNIST[name]} for role, name in zip(FILES, MNIST, strict=True)}
    assert images_of(check(files=spelt)) == images_of(check())


def test_mnist_with_a_class_more_is_still_downloaded_but_not_the_studys():
    plan = check(classes=11, sources=["npm"])
    assert images_of(plan)["study"] is False
    assert [recipe.model for recipe in plan.recipes] == [{"classes": 11}] * 2


def test_other_images_are_not_the_studys_and_every_recipe_has_their_classes():
    plan = check(side=32, classes=26, first_label=1, files=FILES | {"test_labels": {"name": "mine", "sha256": HASH}})
    assert images_of(plan) == {"side": 32, "classes": [str(label) for label in range(1, 27)], "study": False}
    told = plan.data.to_download()["images"]
    assert (told["classes"], told["first_label"], told["side"]) == (26, 1, 32)
    assert told["files"]["t10k-labels-idx1-ubyte"] == {"key": "test_labels", "name": "mine", "sha256": HASH}
    assert told["files"]["train-labels-idx1-ubyte"]["name"] == "train-labels-idx1-ubyte"
    assert [recipe.model for recipe in plan.recipes] == [{"classes": 26}] * 2
    (one, two) = json.loads(build.texts(plan)["networks.json"])
    assert (one["layers"][0]["output_size"], one["layers"][-1]["output_size"]) == ([8, 32, 32], [26])
    assert one["options"] == two["options"] == {"dropout": 0.0}


def test_ten_other_classes_change_no_recipe():
    plan = check(classes=["T-shirt/top", *"123456789"], files=FILES)
    assert images_of(plan)["study"] is False
    assert [recipe.model for recipe in plan.recipes] == [{}, {}]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"side": 2}, "data.side: 2 given; allowed is greater than or equal to 4"),
        ({"classes": 1}, "data.classes: 1 given; allowed is a number from 2 to 256, or a list of as many names"),
        ({"classes": True}, "data.classes: True given; allowed is a number from 2 to 256, or"),
        ({"classes": 255, "first_label": 2}, "data.classes: 255 given; allowed is a number from 2 to 254, or"),
        ({"classes": ["a", "a"]}, "data.classes: ['a', 'a'] given; allowed are different names of up to 30 letters"),
        ({"classes": ["a", "b,c"]}, "data.classes: ['a', 'b,c'] given; allowed are different names"),
        ({"classes": ["a", 1]}, "data.classes.1: 1 given; allowed is a valid string"),
        (
            {"files": {"train_images": {"sha256": "12"}}},
            "data.files.train_images.sha256: '12' given; allowed is",
        ),
        (
            {"files": {"train_images": {"name": "../x"}}},
            "data.files.train_images.name: '../x' given; allowed is",
        ),
        ({"files": {"train": {}}}, "data.files.train: unknown key; allowed: train_images, train_labels, test_images"),
        ({"files": {"train_images": {"sha": 1}}}, "data.files.train_images.sha: unknown key; allowed: name, sha256"),
        ({"sources": ["ftp://a/"]}, "data.sources.0: 'ftp://a/' given; allowed is 'mirrors', 'npm', 'folder' or an"),
        ({"sources": ["http://a"]}, "data.sources.0: 'http://a' given; allowed is 'mirrors', 'npm', 'folder' or an"),
        ({"sources": ["http://[/"]}, "data.sources.0: 'http://[/' given; allowed is 'mirrors', 'npm', 'folder' or an"),
        ({"files": FILES, "sources": ["npm"]}, "data.sources: 'npm' given, which has MNIST only; with other images"),
    ],
)
def test_a_mistake_names_its_key(data: dict[str, Any], expected: str):
    lines = mistakes(**data)
    assert len(lines) == 1
    assert lines[0].startswith(expected)


def test_an_address_is_a_source():
    assert check(files=FILES, sources=["https://host/folder/", "folder"]).data.sources[0] == "https://host/folder/"


def test_images_too_small_for_a_network_are_told_with_the_variant():
    lines = mistakes(side=18, files=FILES)
    assert len(lines) == 1
    assert lines[0].startswith(
        "variants.two_pool-b64-step-rotate.model: {} given; two_pool says: an image of 18 x 18 does not go through it ("
    )


def test_a_variant_does_not_set_the_classes_itself():
    params = YAML(typ="safe", pure=True).load(PARAMS)
    params["variants"]["one_pool-b64-step-rotate"]["model"] = {"classes": 12}
    with pytest.raises(UserError, match=r"model\.classes: one_pool has no such option; allowed: dropout$"):
        build.check(params, "params.yaml")


def test_an_architecture_of_ten_classes_is_refused_for_others(monkeypatch: pytest.MonkeyPatch):
    from mnist_study.architectures import one_pool

    build_ten = one_pool.build
    monkeypatch.setattr(one_pool, "build", lambda *, dropout=0.0: build_ten(dropout=dropout))
    (line,) = mistakes(classes=12, files=FILES)
    assert line.endswith("one_pool says: an image gives (10,), not 12 logits")


def test_images_too_small_for_a_large_network_are_told_as_well():
    params = YAML(typ="safe", pure=True).load(PARAMS)
    params["target"]["parameters"] = 5_000_000
    layout = "340 pool 340 pool 340 pool 8 pool 8 pool 8"
    params["variants"]["one_pool-b64-step-rotate"] |= {"architecture": "champion", "model": {"layout": layout}}
    with pytest.raises(UserError, match=r"champion says: an image of 28 x 28 does not go through it"):
        build.check(params, "params.yaml")


def test_defaults_are_not_shared():
    Data.model_validate(SOURCES).classes.append("x")
    assert len(Data.model_validate(SOURCES).classes) == 10
