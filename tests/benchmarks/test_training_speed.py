"""Training, images per second: the plain recipe and the study's engines side by side. `make bench`."""

from collections.abc import Callable
from functools import partial

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mnist_study import architectures
from mnist_study.configure import describe
from tests.benchmarks import cases, machine, our_replica, plain_replica
from tests.benchmarks.cases import Case
from tests.benchmarks.figures import Figures, Row
from tests.benchmarks.rounds import Round
from tests.benchmarks.side_by_side import together

ROUNDS = 3


def floating_point_operations(architecture: str) -> int:
    """Count those of training on one image: forward, and backward to weights and inputs, the image's excepted."""
    convolutions = [layer for layer in describe.rows(architectures.build(architecture)) if layer.multiply_accumulates]
    forward = sum(layer.multiply_accumulates for layer in convolutions)
    return 2 * (3 * forward - convolutions[0].multiply_accumulates)


def replicas(case: Case) -> tuple[Callable[..., None], list[tuple]]:
    """Give the function that trains a replica, and its arguments for each of them."""
    seeds = range(case.replicas)
    if case.is_plain:
        train = partial(plain_replica.train_in_rounds, alone=case.engine == "plain")
        return train, [(case.architecture, case.batch_size, seed) for seed in seeds]
    return our_replica.train_in_rounds, [(cases.recipe(case), cases.policy(), seed) for seed in seeds]


def rate(case: Case) -> float | None:
    """Give the machine's GFLOP/s with the processes and threads of the case; for `exact` that of its instruction."""
    if case.engine == "exact":
        return machine.instruction_rate(case.replicas)
    threads = machine.THREADS if case.engine == "plain" else 1
    return machine.gemm_rates().get(machine.team(case.replicas, threads))


@pytest.mark.parametrize("case", cases.all_cases(), ids=str)
def test_images_per_second(case: Case, benchmark: BenchmarkFixture, figures: Figures):
    figures.skip_missing(case.engine)
    rounds: list[list[Round]] = []
    others = machine.busy()
    with together(*replicas(case)) as one_round:
        benchmark.pedantic(lambda: rounds.append(one_round()), rounds=ROUNDS, iterations=1)
    speed = max(sum(one.images / one.seconds for one in beside) for beside in rounds)  # as GEMM: the best of some
    most = rate(case)
    row: Row = {
        "images_per_second": round(speed, 1),
        "share_of_rate": round(speed * floating_point_operations(case.architecture) / most / 1e9, 4) if most else None,
    }
    if not case.is_plain:
        measured = [one for beside in rounds for one in beside]
        share = sum(one.augmenting for one in measured) / sum(one.seconds for one in measured)
        row["augmentation_share"] = round(share, 4)
    row["busy_beside"] = max(others, machine.busy())
    figures.rows[case.key] = row
    benchmark.extra_info |= row
