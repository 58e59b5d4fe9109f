"""Which stages params.yaml names, however it is written."""

from pathlib import Path

import pytest
import yaml

from mnist_study.core.errors import UserError
from mnist_study.tools.named import SECTIONS, names, parse, read
from tests.support import ROOT


@pytest.mark.parametrize(
    "text",
    [
        "variants:\n  mine: {}\n",
        'variants:\n  "mine": {}\n',
        "variants:\n  mine : {}\n",
        "variants: {mine: {lr: 1}}\n",
        "variants: {other: {}, 'mine': {}}\n",
    ],
)
def test_a_variant_is_found_however_it_is_written(text: str):
    assert names(parse(text), "train@mine")
    assert names(parse(text), "evaluate@mine")
    assert not names(parse(text), "transforms@mine")
    assert not names(parse(text), "robustness@mine")


def test_each_kind_of_stage_is_looked_up_in_its_own_section():
    params = parse("augmentations:\n  foggy: {}\nvariants:\n  plain: {epochs: 1}\nchampions:\n- plain\n")
    stages = ["transforms", "train", "evaluate", "robustness"]
    assert [kind for kind in stages if names(params, f"{kind}@foggy")] == ["transforms"]
    assert [kind for kind in stages if names(params, f"{kind}@plain")] == ["train", "evaluate", "robustness"]
    assert not any(names(params, f"{kind}@epochs") for kind in stages)
    assert names(params, "report")
    assert names({}, "configure")


def test_the_sections_are_those_of_dvc_yaml():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert {name: stage["foreach"].strip("${}") for name, stage in stages.items() if "foreach" in stage} == SECTIONS


def test_a_number_as_a_name_and_an_empty_section():
    params = parse("variants: {7: {}}\nchampions:\n")
    assert names(params, "train@7")
    assert not names(params, "robustness@7")
    assert not names(parse("variants: 7\n"), "train@7")  # which `configure` refuses


@pytest.mark.parametrize("text", ["", "[]\n", "a: [\n", "<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n"])
def test_what_is_no_mapping_is_told_in_a_line(tmp_path: Path, text: str):
    assert read(tmp_path) == {}
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"^params\.yaml: [^\n]+$"):
        read(tmp_path)
