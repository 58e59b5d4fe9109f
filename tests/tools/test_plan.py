"""What a run would cost: networks, and their time by the pace of earlier ones."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools import plan, pushed
from tests.support import ROOT
from tests.support.tiny import TINY

SMALL = replace(TINY, epochs=19, seeds=(0, 1, 2), engine="exact", validation=0)
KNOWN = {("two_pool", "{}", "exact", "cpu"): 9500.0}


def test_the_time_is_that_of_all_images_at_the_known_pace():
    assert plan.cost([SMALL], KNOWN) == (
        "3 networks would be trained, in about 6 min at the pace of earlier trainings here."  # 3.42 million images
    )
    assert "about 2 h 00 min" in plan.cost([SMALL] * 20, KNOWN)
    held_out = replace(SMALL, epochs=1, seeds=(0,), validation=50_000)
    assert plan.cost([held_out], KNOWN) == (
        "1 network would be trained, in about 1 s at the pace of earlier trainings here."
    )


def test_what_was_never_trained_here_has_no_known_pace():
    other = replace(SMALL, variant="other", engine="torch")
    assert plan.cost([other], KNOWN) == "3 networks would be trained; not known yet is the pace here of other."
    both = plan.cost([SMALL, other], KNOWN)
    assert both.startswith("6 networks would be trained, in about 6 min at")
    assert both.endswith("; not known yet is the pace here of other.")
    assert plan.cost([], KNOWN) == "Nothing would be trained."


def test_paces_of_one_kind_are_averaged_and_damaged_notes_left_out(tmp_path: Path):
    for name, rate, model in (("a", 1000, {}), ("b", 3000, {}), ("none", 0.0, {}), ("wide", 500, {"width": 9})):
        note = {"architecture": "two_pool", "model": model, "engine": "exact", "device": "cpu"}
        (tmp_path / f"{name}.pace").write_text(json.dumps(note | {"images_per_second": rate}))
    (tmp_path / "c.pace").write_text("{")
    (tmp_path / "d.pace").write_text("{}")
    wide = ("two_pool", '{"width": 9}', "exact", "cpu")
    assert plan.paces(tmp_path) == {("two_pool", "{}", "exact", "cpu"): 1500.0, wide: 500.0}
    assert plan.paces(tmp_path / "none") == {}


def test_what_the_cache_lacks_is_made_again_and_what_was_pushed_restored(monkeypatch: pytest.MonkeyPatch):
    """As DVC does, which looks in the cache alone; what params.yaml no longer names does not run."""
    lacks, held = {"changed outs": {"models/a": "not in cache"}}, {"changed outs": {"models/a": "deleted"}}
    params = {"variants": {"a": {}, "b": {}, "c": {}}}
    status = {"download": [lacks], "train@a": [lacks], "train@b": [lacks, "changed command"], "train@gone": [lacks]}
    status |= {"train@c": [held, "changed command"]}
    monkeypatch.setattr(pushed, "unpushed", lambda: {"train@b": "Ada"})
    reasons, note = plan.unheld(status, params)
    assert reasons == {
        "download": "what it made is not in the cache",
        "train@a": "what it made was not pulled",
        "train@b": "what it made is not in the cache",
    }
    assert note == "Pull first: `dvc pull --allow-missing --force` restores what 1 stage made."
    assert plan.unheld({}, params) == ({}, "")

    def silent() -> dict[str, str]:
        raise UserError("remote far: does not answer (no route)")

    monkeypatch.setattr(pushed, "unpushed", silent)
    assert plan.unheld(status, params)[1].endswith("is not known: remote far: does not answer (no route).")


def test_what_is_new_and_what_uses_a_changed_policy_would_run():
    params = {"augmentations": {"tilt": {}, "plain": {}}, "variants": {"tiny": {}}, "champions": ["tiny"]}
    reasons: dict[str, list[str]] = {}
    plan.add_new(reasons, dict.fromkeys(["transforms@plain", "train@tiny"]), params)
    assert reasons == {stage: ["has not run"] for stage in ("transforms@tilt", "evaluate@tiny", "robustness@tiny")}
    reasons = {"transforms@plain": ["`src/mnist_study/transforms` changed"], "transforms@tilt": ["its policy changed"]}
    others = dict(reasons)
    plan.add_users(reasons, [replace(TINY, augmentation="plain")])
    assert reasons == others  # maybe its file stays the same
    plan.add_users(reasons, [replace(TINY, augmentation="tilt")])
    assert reasons == others | {stage: ["its policy changed"] for stage in ("train@tiny", "evaluate@tiny")}


def test_changes_are_those_of_dvc_exp_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    before = (ROOT / "params.yaml").read_bytes()
    changed = plan.changed(["train.lr=0.5", "+variants.mine={architecture: one_pool}"])
    assert changed["train"]["lr"] == 0.5
    assert changed["variants"]["mine"] == {"architecture": "one_pool"}
    assert (ROOT / "params.yaml").read_bytes() == before
    with pytest.raises(UserError, match=r"-S: train\.rate=1 given; DVC says: Could not override"):
        plan.changed(["train.rate=1"])
