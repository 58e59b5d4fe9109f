"""What is compared in which rows of the study: a design for the full-width networks, one for the reduced ones."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """One level of a factor against another; `words` describe it to readers."""

    factor: str
    level: str
    reference: str
    words: str


@dataclass(frozen=True)
class Design:
    """A model of some tables' rows: its factors, with or without their two-way interactions, and what it compares."""

    title: str
    tables: tuple[int, ...]
    rows: int
    factors: tuple[str, ...]
    interactions: bool
    comparisons: dict[str, Comparison]


FULL_WIDTH = Design(
    title="Tables 1 to 4",
    tables=(1, 2, 3, 4),
    rows=48,
    factors=("architecture", "batch_size", "scheduler", "augmentation"),
    interactions=True,
    comparisons={
        "batch": Comparison("batch_size", "64", "128", "batch size 64, not 128"),
        "step": Comparison("scheduler", "step", "constant", "StepLR, not a constant rate"),
        "plateau": Comparison("scheduler", "plateau", "constant", "ReduceLROnPlateau, not a constant rate"),
        "augmentation": Comparison("augmentation", "affine_jitter", "plain", "rotation, affine and jitter, not plain"),
        "first dropout": Comparison("architecture", "dropout", "vanilla", "dropout for the first batch norm"),
        "transition": Comparison("architecture", "transition_fc", "dropout", "last batch norm and 1x1 convolution"),
        "linear": Comparison("architecture", "transition_fc", "transition", "linear layer as head, not the average"),
    },
)
REDUCED = Design(
    title="Tables 5 and 6",
    tables=(5, 6),
    rows=12,
    factors=("architecture", "scheduler", "augmentation", "dropout"),
    interactions=False,
    comparisons={
        "dropout": Comparison("dropout", "yes", "no", "dropout after each block, not none"),
        "pooling": Comparison("architecture", "one_pool", "two_pool", "one pool, average over 6x6, not two, 3x3"),
        "rotation": Comparison("augmentation", "rotate", "plain", "rotation, not plain"),
        "reduced step": Comparison("scheduler", "step", "constant", "StepLR, not a constant rate"),
        "reduced plateau": Comparison("scheduler", "plateau", "constant", "ReduceLROnPlateau, not a constant rate"),
    },
)
DESIGNS = (FULL_WIDTH, REDUCED)
