import difflib
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure

from mnist_study.configure.networks import Layer
from mnist_study.report.figures import (
    card,
    confusion,
    forest_plot,
    front,
    learning_curves,
    missed,
    network_diagram,
    scatter_plots,
)
from mnist_study.report.figures.card import PALETTE
from mnist_study.report.figures.forest_plot import Bar
from mnist_study.report.figures.learning_curves import Curve
from mnist_study.report.figures.missed import Missed
from mnist_study.report.figures.scatter_plots import Point, Star
from mnist_study.report.results.reference import Elsewhere
from tests.support.studies import NETWORK

POINTS = [Point("vanilla", 9186, 99.3, 99.35), Point("dropout", 9178, 99.2, 99.4), Point("one_pool", 6290, 99.4, 99.3)]
STAR = Star("champion", 18_000, 99.6, (99.57, 99.63))
SMALL = Star("small", 900, 98.9, (98.7, 99.1))
DIGIT = Missed(np.full((28, 28), 255, np.uint8), place=3, label="4", answer="9", missed_percent=75.0)
BAR = Bar("batch size 64", published=(0.06, 0.02, 0.1), ours=(0.05, 0.03, 0.07))


def draw(name):
    drawn = {
        "against_published": lambda: scatter_plots.against_published(POINTS, 99.4),
        "parameters": lambda: scatter_plots.parameters(POINTS, [STAR], 99.4, 20_000),
        "only a star": lambda: scatter_plots.parameters([], [STAR], 99.4, 20_000),
        "curves": lambda: learning_curves.learning_curves({"Table 1": [Curve("step", [98.0, 99.0], thin=True)]}, 99.4),
        "one epoch": lambda: learning_curves.learning_curves(
            {"a": [Curve("step", [98.0])], "b": [Curve("b", [98.1])]}, 99.4
        ),
        "front": lambda: front.front([STAR, SMALL], POINTS, [Elsewhere("theirs", 700, 98.0)], 99.4),
        "effects": lambda: forest_plot.effects({"Tables 1 to 4": [BAR], "Tables 5 and 6": [BAR, BAR]}),
        "published effects": lambda: forest_plot.effects(
            {"Tables 1 to 4": [Bar("batch size 64", BAR.published, None)]}
        ),
        "confusion": lambda: confusion.confusion((np.eye(10, dtype=int) * 1000).tolist(), "0123456789", "best"),
        "digits": lambda: missed.gallery([DIGIT] * 9),
        "one digit": lambda: missed.gallery([DIGIT]),
        "network": lambda: network_diagram.diagram(NETWORK.layers),
    }
    return drawn[name]()


NAMES = ["against_published", "parameters", "only a star", "curves", "one epoch", "effects", "published effects"]
NAMES += ["confusion", "digits", "one digit", "network", "front"]


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_svg_on_a_white_card_without_a_date(name):
    svg = draw(name)
    assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own file
    assert b"<dc:date>" not in svg
    sheet = svg.decode().split("<path")[1].split("/>")[0]
    assert "fill: #ffffff" in sheet


@pytest.mark.parametrize("name", ["parameters", "one digit"])
def test_the_same_figure_has_the_same_bytes(name):
    assert draw(name) == draw(name)


def test_a_network_is_drawn_as_one_slab_for_each_output_that_is_new():
    fills = re.findall(r'style="fill: (#\w{6})"', draw("network").decode())
    palette = [colour.lower() for colour in PALETTE]
    # convolution, average, linear; the dropout is named under its slab
    assert [fill for fill in fills if fill in palette] == [palette[0], palette[2], palette[3]]


def test_a_layer_that_is_used_again_says_so_in_a_line_of_its_own():
    (_, slab) = network_diagram._slabs([Layer("Conv2d 3x3 again", (14, 28, 28), 5, 0, 0)], 28)
    assert slab.words == ["conv 3x3", "again"]


def test_dotted_and_thin_curves_are_explained_where_there_are_any():
    def texts(*curves):
        return learning_curves.learning_curves({"Table 1": [*curves]}, 99.4).decode()

    plain, dotted, thin = (
        Curve("step", [98.0, 99.0]),
        Curve("step", [98.0, 99.1], dotted=True),
        Curve("step", [98.0, 99.1], thin=True),
    )
    assert learning_curves.DOTTED in texts(plain, dotted)
    assert learning_curves.THIN in texts(plain, thin)
    assert not [each for each in (learning_curves.DOTTED, learning_curves.THIN) if each in texts(plain)]


def test_a_star_stands_at_its_own_number_of_parameters():
    axes = Figure().subplots()
    scatter_plots._draw_star(axes, STAR, lowest=99.0)
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [18_000, 18_000]


def test_the_front_names_champions_with_their_accuracy_and_what_others_report():
    svg = draw("front").decode()
    assert all(f">{text}<" in svg for text in ("champion, 99.60", "small, 98.90", "theirs", "98.0"))


def test_networks_of_nearly_equal_size_are_drawn_side_by_side():
    columns = scatter_plots._columns({"vanilla": 9186, "dropout": 9178, "one_pool": 6290, "another": 8990})
    assert columns["one_pool"] == 6290
    assert columns["another"] < columns["dropout"] < columns["vanilla"]
    assert columns["vanilla"] - columns["dropout"] == pytest.approx(scatter_plots.APART)
    assert columns["dropout"] == pytest.approx((9186 + 9178 + 8990) / 3)


def changed_lines(before: bytes, after: bytes) -> int:
    """Count the lines that git would show."""
    lines = difflib.unified_diff(before.decode().splitlines(), after.decode().splitlines(), n=0)
    return sum(line[0] in "+-" for line in lines) - 2


def test_a_weak_variant_moves_no_axis_and_is_named_at_the_edge():
    weak = Star("weak", 6290, 92.8, (92.3, 93.3))
    before, after = (scatter_plots.parameters(POINTS, stars, 99.4, 20_000) for stars in ([STAR], [STAR, weak]))
    assert b">weak, 92.80 %<" in after
    assert 0 < changed_lines(before, after) < 20

    own = [Curve("weak", [92.8])]
    before, after = (
        learning_curves.learning_curves({"Table 1": [Curve("step", [98.0, 99.0])], "own": curves}, 99.4, [99.0])
        for curves in ([Curve("champion", [99.0, 99.6])], [Curve("champion", [99.0, 99.6]), *own])
    )
    assert b">weak, below: 92.80 %<" in after
    assert 0 < changed_lines(before, after) < 30


def test_a_path_is_one_line_and_text_keeps_its_digits():
    svg = '<g id="line2d_7">\n <path id="m1" d="M 1.23456 2 \nL 3 4 \n"/>\n <text x="1.0049">99.3125 %</text>\n</g>'
    tidy = '<g>\n <path id="m1" d="M 1.23 2 L 3 4 "/>\n <text x="1.00">99.3125 %</text>\n</g>'
    assert card.tidy(svg) == tidy


@pytest.mark.parametrize(
    ("accuracies", "ends"), [([99.31, 99.36], (99.2, 99.5)), ([99.0], (98.9, 99.1)), ([99.99], (99.9, 100.0))]
)
def test_an_axis_ends_at_whole_tenths(accuracies, ends):
    assert card.limits(accuracies, margin=0.05) == ends
