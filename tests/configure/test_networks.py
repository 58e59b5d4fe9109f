import re
from dataclasses import replace

import pytest

from mnist_study.configure import describe, networks
from mnist_study.core.errors import UserError
from tests.support.studies import PUBLISHED
from tests.support.tiny import TINY

DROPPING = replace(TINY, variant="dropping", model={"dropout": 0.04})


@pytest.fixture(scope="module")
def described():
    again = replace(TINY, variant="again", model={"dropout": 0.0})  # what the default is
    return describe.networks([TINY, DROPPING, again, replace(TINY, variant="other", architecture="transition")])


def test_each_network_is_described_once_with_its_options(described):
    assert [(n.architecture, n.options, n.variants) for n in described] == [
        ("two_pool", {"dropout": 0.0}, ("tiny", "again")),
        ("two_pool", {"dropout": 0.04}, ("dropping",)),
        ("transition", {"dropout": 0.05}, ("other",)),
    ]
    assert [n.parameters for n in described] == [6290, 6290, 9210]
    assert described[0].multiply_accumulates == 1_247_648
    assert [n.dropout for n in described] == [False, True, True]
    assert sum(layer.name == "Dropout 4 %" for layer in described[1].layers) == 7


def test_a_file_name_tells_networks_apart_and_stays_short(described):
    names = [n.file_name for n in described]
    assert names == ["two_pool-dropout-0.0", "two_pool-dropout-0.04", "transition-dropout-0.05"]
    layouts = [" again".join(["16"] * 40), " again".join(["16"] * 40) + " pool", "../16/é"]
    names = [replace(described[0], options={"layout": layout}).file_name for layout in layouts]
    assert len({*names}) == 3
    assert all(re.fullmatch(r"two_pool-layout-[\w.+-]{,130}", name, re.ASCII) for name in names)


def test_the_file_gives_back_what_was_written(described, tmp_path):
    (tmp_path / "networks.json").write_text(networks.to_json(described))
    assert networks.read(tmp_path / "networks.json") == described
    with pytest.raises(UserError, match=r"none\.json: cannot be read .* `dvc repro configure` writes it"):
        networks.read(tmp_path / "none.json")


def test_a_row_with_dropout_is_known_by_its_network(described):
    """By what it is, not by its name: the same architecture without the option is the other row."""
    fields = {"scheduler": "step", "augmentation": "rotate", "batch_size": 64, "epochs": 19, "seeds": (1, 2, 3, 4, 5)}
    with_dropout, without = PUBLISHED["two_pool_dropout-b64-step-rotate"], PUBLISHED["two_pool-b64-step-rotate"]
    plain, dropping, _ = described
    assert not with_dropout.differs(replace(DROPPING, **fields), dropping)
    assert with_dropout.differs(replace(TINY, **fields), plain) == ["without dropout"]
    assert not without.differs(replace(TINY, **fields), plain)
    assert without.differs(replace(DROPPING, **fields), dropping) == ["with dropout"]
    other = {"batch_size": 128, "epochs": 2, "validation": 10, "seeds": (7, 8)}
    told = ["batch size 128, not 64", "epochs 2, not 19", "validation 10, not 0", "seeds 2, not 5"]
    assert without.differs(replace(TINY, **fields | other), plain) == told


def test_dropout_that_is_part_of_an_architecture_needs_no_option(described):
    row = PUBLISHED["transition-b64-step-affine_jitter"]
    recipe = replace(TINY, architecture="transition", scheduler="step", augmentation="affine_jitter", epochs=19)
    recipe = replace(recipe, seeds=(1, 2, 3, 4, 5))
    assert not row.differs(recipe, described[2])
    assert row.differs(recipe, replace(described[2], options={"dropout": 0.0}))


def test_the_published_table_has_its_rows():
    assert len(PUBLISHED) == 60
    assert sum(row.dropout for row in PUBLISHED.values()) == 36 + 4 + 2
    assert sum(row.helped for row in PUBLISHED.values()) == 50
