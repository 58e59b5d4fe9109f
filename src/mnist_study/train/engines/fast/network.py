"""A `nn.Sequential` taken apart: what the kernels compute, and the rest, which is left to PyTorch."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

HEADS = (nn.AdaptiveAvgPool2d, nn.Flatten)  # from here on the images are small: left to PyTorch


class UnsupportedError(Exception):
    """The network has a layer that the kernels do not know; the text says which."""


@dataclass
class Cell:
    """A convolution, a pooling or nothing, and the chain of pointwise layers that follows it."""

    source: nn.Conv2d | nn.MaxPool2d | None
    first_relu: bool = False
    norm: nn.BatchNorm2d | None = None
    last_relu: bool = False
    dropout: float = 0.0

    def add(self, layer: nn.Module) -> bool:
        """Take a pointwise layer into the chain if its place is still free."""
        match layer:
            case nn.ReLU() if not (self.norm or self.last_relu or self.dropout or self.first_relu):
                self.first_relu = True
            case nn.BatchNorm2d() if not (self.norm or self.last_relu or self.dropout):
                self.norm = layer
            case nn.ReLU() if not (self.last_relu or self.dropout):
                self.last_relu = True
            case nn.Dropout() if not self.dropout:
                self.dropout = layer.p
            case _:
                return False
        return True


def read(model: nn.Module) -> tuple[list[Cell], nn.Sequential]:
    """Split a network into cells, the first of them the image's, and the layers from the global average or Flatten on.

    Raises UnsupportedError with the layer's name and place.
    """
    layers = list(_flat(model))
    _refuse_shared(layers)
    cells = [Cell(None)]
    for index, layer in enumerate(layers):
        if isinstance(layer, HEADS):
            if any(later in layers[:index] and list(later.parameters()) for later in layers[index:]):
                raise UnsupportedError("it uses a layer again behind the average")
            return cells, nn.Sequential(*layers[index:])
        if not _is_known(layer):
            raise UnsupportedError(f"it has a layer that it does not know, {layer} (number {index})")
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            cells.append(Cell(layer))
        elif not cells[-1].add(layer):
            cells.append(Cell(None))
            cells[-1].add(layer)
    raise UnsupportedError("it does not average over the image at the end")


def _refuse_shared(layers: list[nn.Module]) -> None:
    """Refuse a layer with parameters that is used twice, unless it is a convolution."""
    others = [layer for layer in layers if list(layer.parameters()) and not isinstance(layer, nn.Conv2d)]
    if len(set(others)) < len(others):
        raise UnsupportedError("it uses a layer twice that is no convolution")
    parameters = [parameter for layer in dict.fromkeys(layers) for parameter in layer.parameters()]
    if len(set(parameters)) < len(parameters):
        raise UnsupportedError("two of its layers share weights")


def _flat(model: nn.Module) -> Iterator[nn.Module]:
    if not isinstance(model, nn.Sequential):
        raise UnsupportedError(f"it is a {type(model).__name__}, not a Sequential")
    for layer in model:
        if isinstance(layer, nn.Sequential):
            yield from _flat(layer)
        else:
            yield layer


def _is_known(layer: nn.Module) -> bool:
    match layer:
        case nn.Conv2d(kernel_size=(3, 3), padding=(0, 0) | (1, 1)) | nn.Conv2d(kernel_size=(1, 1), padding=(0, 0)):
            return layer.stride == layer.dilation == (1, 1) and layer.groups == 1 and layer.padding_mode == "zeros"
        case nn.MaxPool2d(kernel_size=2 | (2, 2), stride=2 | (2, 2), padding=0, dilation=1, ceil_mode=False):
            return True
        case nn.BatchNorm2d(affine=True, track_running_stats=True):
            return layer.momentum is not None
        case nn.Dropout():
            return layer.p < 1
    return isinstance(layer, nn.ReLU)
