"""A computation without arguments, to be repeated: on a GPU as a CUDA graph, which takes one launch for thousands."""

from collections.abc import Callable
from typing import Any

import torch

WARM_UPS = 2  # before the capture: they make constants, choose algorithms, find out whether memory suffices


def repeatable(compute: Callable[[], None], device: str, pool: Any) -> Callable[[], None]:  # noqa: ANN401 - torch's
    """Give what repeats the computation; on "cuda" it has run by then, so what it changes has to be set afterwards.

    Graphs of one `pool` share their memory, so no result may lie in it from one to the next.
    """
    if device != "cuda":
        return compute
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UPS):
            compute()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        compute()
    return graph.replay
