"""How many test images the networks miss."""

from mnist_study.report.results.misses import Misses


def missed(misses: Misses) -> str:
    """Say how many test images are missed by any, by most and by all networks."""
    some, most, every = ((misses.counts >= count).sum() for count in (1, misses.networks // 2 + 1, misses.networks))
    return (
        f"Of the {len(misses.labels):,} test images {some:,} are missed by at least one of the {misses.networks}"
        f" networks of this run, {most:,} by more than half of them and {every:,} by all."
    )
