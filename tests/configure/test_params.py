"""params.yaml: what is right becomes recipes, what is wrong is told all at once, a line each."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mnist_study.configure import document, params
from mnist_study.core.errors import UserError

ARCHITECTURES = {"vanilla": {}, "dropout": {"dropout": 0.05}, "one_pool": {"dropout": 0.0}}

GOOD = """
target: {accuracy: 99.4, epochs: 20, parameters: 20000}
data: {sources: [npm, folder], seconds: 60}
train: {epochs: 19, seeds: [0], lr: 0.05, momentum: 0.9, nesterov: false, weight_decay: 0.0, label_smoothing: 0.0,
        ema: 0.0, anneal_epochs: 0, anneal_strength: 1.0, engine: torch, device: cpu, validation: 0}
schedulers:
  constant: {}
  step: {step_size: 6, gamma: 0.1}
  plateau: {factor: 0.1, patience: 2, threshold: 0.0001}
  one_cycle: {pct_start: 0.3, div_factor: 25, final_div_factor: 10000}
augmentations:
  plain: {}
  rotate: {rotation: 7}
  foggy: {noise: 0.2, blur: [0.1, 1]}
  mixed: {rotation: [-3, 9], translation: 0.1, scale: 0.2, shear: 5, brightness: [0.5, 1], contrast: 0.3}
champions: []
variants:
  first: {architecture: vanilla, scheduler: step, augmentation: plain, batch_size: 64}
  second: {architecture: dropout, scheduler: one_cycle, augmentation: mixed, batch_size: 128, lr: 1e-1, epochs: 2,
           seeds: [3, 1], model: {dropout: 0.1}}
"""


def count(architecture: str, options: dict[str, Any], **_: int) -> int:
    if options.get("dropout", 0) == 0.99:
        raise ValueError("too much of it")
    return 9_186 if architecture != "one_pool" else 20_000


def load(folder: Path, text: str) -> params.Plan:
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return read(path)


def read(path: Path) -> params.Plan:
    return params.check(document.read(path), path.name, ARCHITECTURES, count)


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        load(folder, text)
    return str(caught.value).splitlines()


def changed(**changes: Any) -> str:
    """GOOD with `section__key` set to a value, or removed where the value is None."""
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(GOOD)
    for dotted, value in changes.items():
        *sections, key = dotted.split("__")
        target = content
        for section in sections:
            target = target[section]
        if value is None:
            del target[key]
        else:
            target[key] = value
    import io

    buffer = io.StringIO()
    yaml.dump(content, buffer)
    return buffer.getvalue()


def test_a_recipe_holds_defaults_and_overrides(tmp_path: Path):
    first, second = load(tmp_path, GOOD).recipes
    assert (first.variant, first.epochs, first.lr, first.seeds, first.model) == ("first", 19, 0.05, (0,), {})
    assert first.scheduler_options == {"step_size": 6, "gamma": 0.1}
    assert (second.epochs, second.lr, second.seeds) == (2, 0.1, (3, 1))
    assert second.model == {"dropout": 0.1}
    assert second.scheduler_options == {"pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 10000.0}


def test_ranges_are_resolved(tmp_path: Path):
    policies = load(tmp_path, GOOD).policies
    mixed = policies["mixed"].ranges()
    assert mixed["rotation"] == [-3, 9]
    assert mixed["translation_x"] == mixed["translation_y"] == [-0.1, 0.1]
    assert mixed["scale"] == [0.8, 1.2]
    assert mixed["shear_x"] == [-5, 5]
    assert mixed["shear_y"] == [0, 0]
    assert mixed["brightness"] == [0.5, 1]
    assert mixed["contrast"] == [0.7, 1.3]
    assert policies["plain"].ranges()["scale"] == [1, 1]
    assert policies["foggy"].ranges() == policies["plain"].ranges() | {"noise": [0, 0.2], "blur": [0.1, 1]}


def test_noise_and_blur_that_change_nothing_are_left_out(tmp_path: Path):
    """So the file of a policy without them stays as it was."""
    text = changed(augmentations__plain__noise=0, augmentations__plain__blur=[0, 0])
    assert load(tmp_path, text).files() == load(tmp_path, GOOD).files()
    assert not {"noise", "blur"} & set(load(tmp_path, GOOD).policies["plain"].ranges())


def test_numbers_that_yaml_1_1_would_misread(tmp_path: Path):
    """DVC writes 5e-05 for 0.00005, which PyYAML takes for a string."""
    plan = load(tmp_path, GOOD.replace("lr: 1e-1", "lr: 5e-05"))
    assert plan.recipes[1].lr == 0.00005


@pytest.mark.faults
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"train__lr": -1}, r"train\.lr: -1 given; allowed is greater than 0"),
        ({"train__lr": float("nan")}, r"train\.lr: nan given; allowed is a finite number"),
        ({"train__epochs": 21}, r"train\.epochs: 21 given; target\.epochs allows 20"),
        ({"train__epochs": True}, r"train\.epochs: True given; allowed is a valid integer"),
        ({"train__seeds": []}, r"train\.seeds: \[\] given; .*at least 1"),
        ({"train__seeds": [1, 1]}, r"train\.seeds: \[1, 1\] given; .*once"),
        ({"train__lr": None}, r"train\.lr: missing"),
        ({"train__emma": 0.5}, r"train\.emma: unknown key; allowed: .*; did you mean ema\?"),
        (
            {"data__sources": ["npn"]},
            r"data\.sources\.0: 'npn' given; allowed is 'mirrors', 'npm', 'folder' or an address",
        ),
        ({"schedulers__step__step_size": 0}, r"schedulers\.step\.step_size: 0 given; .*1"),
        ({"schedulers__cosine": {}}, r"schedulers\.cosine: unknown key; allowed: constant, step, plateau, one_cycle"),
        ({"augmentations__rotate__rotation": [9, 3]}, r"rotation: \[9, 3\] given; a range \[low, high\] between"),
        ({"augmentations__rotate__rotation": -7}, r"rotation: -7 given; a width cannot be negative"),
        ({"augmentations__rotate__rotaton": 7}, r"rotaton: unknown key; .*; did you mean rotation\?"),
        ({"augmentations__foggy__noise": -0.1}, r"foggy\.noise: -0\.1 given; a width cannot be negative"),
        (
            {"augmentations__foggy__noise": [-0.1, 0.1]},
            r"foggy\.noise: .* given; a range \[low, high\] between 0 and 1",
        ),
        ({"augmentations__foggy__noise": 1.5}, r"foggy\.noise: 1\.5 given; a width is at most 1"),
        ({"augmentations__foggy__blur": [0, 2]}, r"foggy\.blur: \[0, 2\] given; a range \[low, high\] between 0 and 1"),
        ({"augmentations__mixed__scale": "big"}, r"augmentations\.mixed\.scale: 'big' given"),
        ({"variants__first__batch_size": "64"}, r"variants\.first\.batch_size: '64' given; allowed is a valid integer"),
        ({"variants__first__architecture": "vanila"}, r"there is no 'vanila'; allowed: .*; did you mean vanilla\?"),
        ({"variants__first__scheduler": "cosine"}, r"variants\.first\.scheduler: there is no 'cosine'; allowed:"),
        ({"variants__first__augmentation": "rotat"}, r"there is no 'rotat'; .*; did you mean rotate\?"),
        ({"variants__first__model": {"dropout": 0.1}}, r"variants\.first\.model\.dropout: vanilla has no such option"),
        (
            {"variants__first__architecture": "one_pool"},
            r"variants\.first: has 20,000 parameters; .* fewer than 20,000",
        ),
        ({"variants__second__model": {"dropout": 2}}, r"second\.model: \{'dropout': 2\} given; .* from 0 to below 1"),
        ({"variants__second__model": {"dropout": -0.1}}, r"second\.model: .* given; .* from 0 to below 1"),
        ({"variants__first__epochs": 21}, r"variants\.first\.epochs: 21 given; target\.epochs allows 20"),
        ({"variants__second__model": {"dropout": 0.99}}, r"second\.model: .* given; dropout says: too much of it"),
        ({"train__engine": "fast"}, r"train\.engine: 'fast' given; allowed is 'exact' or 'torch'"),
        ({"variants__first__engine": "fast"}, r"first\.engine: 'fast' given; allowed is 'exact' or 'torch'"),
        ({"train__precision": "bf16"}, r"train\.precision: unknown key"),
        (
            {"train__nesterov": True, "train__momentum": 0},
            r"train\.nesterov: nesterov with momentum 0 given; allowed with nesterov is a momentum above 0",
        ),
        (
            {"train__nesterov": True, "variants__first__momentum": 0},
            r"variants\.first\.momentum: nesterov with momentum 0",
        ),
        (
            {"train__momentum": 0, "variants__first__nesterov": True},
            r"variants\.first\.nesterov: nesterov with momentum 0",
        ),
        ({"train__anneal_strength": 1.5}, r"train\.anneal_strength: 1\.5 given; allowed is less than or equal to 1"),
        (
            {"train__anneal_epochs": 20},
            r"train\.anneal_epochs: 20 anneal_epochs in 19 epochs given; allowed is no more",
        ),
        (
            {"train__anneal_epochs": 3},
            r"variants\.second\.epochs: 3 anneal_epochs in 2 epochs given; allowed is no more than there are epochs",
        ),
        ({"variants__first__ema": 1}, r"variants\.first\.ema: 1 given; allowed is less than 1"),
        ({"variants__first__scheduler": None}, r"variants\.first\.scheduler: missing"),
        ({"variants__a.b": {}}, r"variants\.a\.b: a name is up to 100 letters, digits, _ and -"),
        ({"variants__../x": {}}, r"variants\.\.\./x: a name is"),
        ({"variants__FIRST": {}}, r"differs from (first|FIRST) in capitals only"),
        ({"variants__second__model": {"width": [1]}}, r"second\.model: .* given; width must be a finite number"),
        ({"variants__first": 3}, r"variants\.first: 3 given"),
        ({"variants": {}}, r"variants: \{\} given; .*at least 1"),
        ({"champions": None}, r"champions: missing"),
        ({"extra": 1}, r"extra: unknown key; allowed: target, data, train, schedulers, augmentations, variants"),
    ],
)
def test_a_mistake_names_key_value_and_what_is_allowed(tmp_path: Path, changes: dict[str, Any], expected: str):
    lines = mistakes(tmp_path, changed(**changes))
    assert any(re.search(expected, line) for line in lines), lines
    assert all(line.startswith("params.yaml: ") for line in lines)


def test_all_mistakes_are_told_in_one_run(tmp_path: Path):
    text = changed(data__seconds=-1, variants__first__batch_size=0, variants__second__epochs=21, extra=1)
    lines = mistakes(tmp_path, text)
    assert len(lines) == 4
    assert all(any(key in line for line in lines) for key in ("seconds", "batch_size", "epochs", "extra"))


def test_a_mistake_in_train_is_told_once_and_not_for_every_variant(tmp_path: Path):
    assert mistakes(tmp_path, changed(train__momentum=2)) == [
        "params.yaml: train.momentum: 2 given; allowed is less than 1"
    ]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "params.yaml, line 1: not valid YAML"),
        ("a: 1\na: 2", "params.yaml, line 2: not valid YAML (found duplicate key"),
        ("\tdata: 1", "params.yaml, line 1: not valid YAML"),
        ("", "params.yaml: holds no keys"),
        ("- 1", "params.yaml: holds no keys"),
    ],
)
def test_what_is_no_mapping_is_one_line(tmp_path: Path, text: str, expected: str):
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(expected)


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path):
    path = tmp_path / "params.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert len(read(path).recipes) == 2


def test_a_missing_file_and_one_that_is_no_text_are_one_line(tmp_path: Path):
    with pytest.raises(UserError, match=r"^params\.yaml: cannot be read \(No such file"):
        read(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"^params\.yaml: is not UTF-8 text$"):
        read(tmp_path / "params.yaml")


def test_champions_are_variants_each_once(tmp_path: Path):
    assert load(tmp_path, GOOD).champions == []
    plan = load(tmp_path, changed(champions=["second"]))
    assert json.loads(plan.files()["plan.json"])["champions"] == ["second"]
    assert mistakes(tmp_path, changed(champions=["frist", "second", "second"])) == [
        "params.yaml: champions: there is no variant 'frist'; allowed: first, second; did you mean first?",
        "params.yaml: champions: 'second' given twice; allowed is each name once",
    ]


def test_a_champion_leaves_the_keys_of_the_summary_alone(tmp_path: Path):
    line = "  study: {architecture: vanilla, scheduler: step, augmentation: plain, batch_size: 64}\n"
    text = GOOD.replace("champions: []", "champions: [study]") + line
    rule = "which metrics/summary.json needs itself; allowed are other names"
    assert mistakes(tmp_path, text) == [f"params.yaml: champions: 'study' given, {rule}"]
    assert mistakes(tmp_path, text.replace("study", "schema_version")) == [
        f"params.yaml: champions: 'schema_version' given, {rule}"
    ]
