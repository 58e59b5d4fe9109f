"""What the reference does that `vmap` or a CUDA graph cannot follow, replaced by what gives the same bits."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Batchable(TorchFunctionMode):
    """Stands in for two functions of torch while it is entered.

    - `torch.tensor` makes each constant once, on the device, since a graph may hold no copy from the processor. So the
      first step must come before the graph. A number that is a tensor already, as a learning rate, is taken as it is.
    - `scatter_`, for which `vmap` has no rule, gives its result without changing its input.
    """

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device
        self.constants: dict[str, Tensor] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - torch's own signature
        kwargs = kwargs or {}
        if func is torch.tensor:
            return self._constant(args[0], {"device": self.device} | kwargs)
        if func is Tensor.scatter_:
            return torch.scatter(*args, **kwargs)
        return func(*args, **kwargs)

    def _constant(self, number: object, options: dict[str, Any]) -> Tensor:
        if isinstance(number, Tensor):
            return number
        name = repr((number, sorted(options.items())))
        if name not in self.constants:
            self.constants[name] = torch.tensor(number, **options)
        return self.constants[name]
