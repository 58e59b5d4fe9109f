import pytest

from mnist_study.core.policy import Policy


def test_half_faded_ranges_are_half_as_wide_around_no_change():
    policy = Policy(0.0, 1.0, {"rotation": (-8.0, 8.0), "scale": (0.8, 1.4)})
    annealed = policy.annealed(0.5).ranges
    assert annealed["rotation"] == pytest.approx((-4.0, 4.0))
    assert annealed["scale"] == pytest.approx((0.9, 1.2))
    assert policy.annealed(0.0) == policy
    assert policy.annealed(1.0).ranges == {"rotation": (0.0, 0.0), "scale": (1.0, 1.0)}


def test_a_range_that_is_absent_or_neutral_changes_nothing():
    policy = Policy(0.0, 1.0, {"rotation": (0.0, 0.0), "scale": (1.0, 1.0), "blur": (0.0, 0.5)})
    assert not policy.varies("rotation", "scale", "brightness", "noise")
    assert policy.varies("scale", "blur")
    assert (policy.ends("brightness"), policy.ends("noise"), policy.ends("blur")) == ((1, 1), (0, 0), (0, 0.5))
