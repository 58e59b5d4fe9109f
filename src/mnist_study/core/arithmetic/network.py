"""A torch network taken apart: cells, each a convolution and what follows it; the average; perhaps a linear layer."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from mnist_study.core.errors import UserError


class UnsupportedError(Exception):
    """The network has a layer, or an order of layers, that the arithmetic does not define; the text says which."""


@dataclass
class Cell:
    """A convolution, then ReLU, batch norm, ReLU, dropout, pooling, in this order; each of them may be absent."""

    convolution: nn.Conv2d
    first_relu: bool = False
    norm: nn.BatchNorm2d | None = None
    last_relu: bool = False
    dropout: float = 0.0
    pool: bool = False

    def take(self, layer: nn.Module) -> bool:
        """Take the layer in if its place is free and nothing behind its place is taken."""
        match layer:
            case nn.ReLU() if not (self.first_relu or self.norm or self.last_relu or self.dropout or self.pool):
                self.first_relu = True
            case nn.BatchNorm2d() if not (self.norm or self.last_relu or self.dropout or self.pool):
                self.norm = layer
            case nn.ReLU() if self.norm and not (self.last_relu or self.dropout or self.pool):
                self.last_relu = True
            case nn.Dropout() if not (self.dropout or self.pool):
                self.dropout = layer.p
            case nn.MaxPool2d() if not self.pool:
                self.pool = True
            case _:
                return False
        return True


@dataclass(frozen=True)
class Network:
    """The cells in their order; `head` is None where the averages are the logits."""

    cells: list[Cell]
    head: nn.Linear | None

    def statistics(self) -> list[Tensor]:
        """List the running means and variances."""
        norms = [cell.norm for cell in self.cells if cell.norm]
        return [
            statistic for norm in norms for statistic in (norm.running_mean, norm.running_var) if statistic is not None
        ]


def read(model: nn.Module) -> Network:
    """Take a Sequential apart; raises UnsupportedError with the layer's name and place."""
    layers = list(_flat(model))
    _refuse_shared(layers)
    cells: list[Cell] = []
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.AdaptiveAvgPool2d) and cells:
            return Network(cells, _head(layers[place:]))
        if not _is_known(layer):
            raise UnsupportedError(f"it has a layer that the arithmetic does not define, {layer} (number {place})")
        if isinstance(layer, nn.Conv2d):
            cells.append(Cell(layer))
        elif not cells or not cells[-1].take(layer):
            raise UnsupportedError(f"its layer number {place}, {layer}, stands where the arithmetic defines none")
    raise UnsupportedError("it does not average over the image at the end")


def of_variant(model: nn.Module, variant: str) -> Network:
    """Take a variant's network apart; raises UserError naming its key where the arithmetic does not define it."""
    try:
        return read(model)
    except UnsupportedError as error:
        raise UserError(f"variants.{variant}.engine: exact given, but {error}; allowed is torch") from None


def _head(layers: list[nn.Module]) -> nn.Linear | None:
    match layers:
        case [nn.AdaptiveAvgPool2d(output_size=1 | (1, 1)), nn.Flatten()]:
            return None
        case [nn.AdaptiveAvgPool2d(output_size=1 | (1, 1)), nn.Flatten(), nn.Linear(bias=bias) as head] if (
            bias is not None
        ):
            return head
    raise UnsupportedError("behind the average there is something other than Flatten and one Linear with a bias")


def _flat(model: nn.Module) -> Iterator[nn.Module]:
    if not isinstance(model, nn.Sequential):
        raise UnsupportedError(f"it is a {type(model).__name__}, not a Sequential")
    for layer in model:
        if isinstance(layer, nn.Sequential):
            yield from _flat(layer)
        else:
            yield layer


def _refuse_shared(layers: list[nn.Module]) -> None:
    """Refuse a layer with parameters that is used twice, unless it is a convolution."""
    others = [layer for layer in layers if list(layer.parameters()) and not isinstance(layer, nn.Conv2d)]
    parameters = [parameter for layer in dict.fromkeys(layers) for parameter in layer.parameters()]
    if len(set(others)) < len(others) or len(set(parameters)) < len(parameters):
        raise UnsupportedError("it uses a layer twice that is no convolution, or two layers share weights")


def _is_known(layer: nn.Module) -> bool:
    match layer:
        case nn.Conv2d(padding_mode="zeros", groups=1, stride=(1, 1), dilation=(1, 1)):
            square = layer.kernel_size[0] == layer.kernel_size[1]
            return square and isinstance(layer.padding, tuple) and layer.padding[0] == layer.padding[1]
        case nn.MaxPool2d(kernel_size=2 | (2, 2), stride=2 | (2, 2), padding=0, dilation=1, ceil_mode=False):
            return True
        case nn.BatchNorm2d(affine=True, track_running_stats=True, momentum=0.1, eps=1e-5):
            return True
        case nn.Dropout():
            return layer.p < 1
    return isinstance(layer, nn.ReLU)
