"""Effects with their intervals, ours above the published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnist_study.report.figures.card import INK, PALETTE, QUIET, card

Value = tuple[float, float, float]  # difference, low and high end of its interval


@dataclass(frozen=True)
class Bar:
    """One comparison, in points of test accuracy; without `ours` only the published one is drawn."""

    words: str
    published: Value
    ours: Value | None


def effects(panels: Mapping[str, Sequence[Bar]]) -> bytes:
    """Draw a panel for each title; right of the line of no difference the change helps."""
    counts = [len(bars) for bars in panels.values()]
    looks = {
        "here": {"color": PALETTE[0], "marker": "o", "markersize": 5, "linewidth": 1.8},
        "published": {"color": QUIET, "marker": "s", "markersize": 4, "linewidth": 1, "markerfacecolor": "#ffffff"},
    }
    with card(7.8, 0.42 * sum(counts) + 0.9 * len(counts)) as (figure, svg):
        column = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=counts)[:, 0]
        for axes, (title, bars) in zip(column, panels.items(), strict=True):
            axes.axvline(0, color=INK, linewidth=0.8)
            axes.grid(visible=False, axis="y")
            for place, bar in enumerate(bars):
                for name, value, shift in (("here", bar.ours, -0.14), ("published", bar.published, 0.16)):
                    if value is not None:
                        low, high = value[1:]
                        axes.plot([low, high], [place + shift] * 2, **{**looks[name], "marker": ""})
                        axes.plot([value[0]], [place + shift], **looks[name], linestyle="", label=name)
            axes.set_yticks(range(len(bars)), [bar.words for bar in bars])
            axes.tick_params(axis="y", length=0, labelcolor=INK)
            axes.set_ylim(len(bars) - 0.5, -0.5)
            axes.set_title(title, loc="left")
        handles = dict(zip(*reversed(column[0].get_legend_handles_labels()), strict=True))
        column[0].legend(handles.values(), handles.keys(), loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
        column[-1].set_xlabel("difference in test accuracy, points, with 95 % interval")
    return svg.getvalue()
