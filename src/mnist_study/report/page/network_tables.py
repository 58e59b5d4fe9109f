"""What each network is made of: its diagram and its table of layers."""

from collections.abc import Sequence

from mnist_study.configure.networks import Network, size
from mnist_study.report.page.markdown import count, table


def title(network: Network) -> str:
    """Name a network by its architecture and options, such as `two_pool, dropout 0.04`."""
    return ", ".join([network.architecture, *(f"{name} {value}" for name, value in network.options.items())])


def sections(networks: Sequence[Network], pictures: Sequence[str]) -> str:
    """Give a section for each network; `pictures` names their drawings in figures/, in the same order."""
    note = (
        "In a diagram each slab is the output of a layer: its height is the image's, its width the number of channels;"
        " both numbers stand above it, the layer below. Convolutions are blue (1x1 pale), pools orange, the average"
        " green, the linear layer pink."
    )
    return "\n\n".join([note, *(_section(*pair) for pair in zip(networks, pictures, strict=True))])


def _section(network: Network, picture: str) -> str:
    header = ("", "layer", "output", "receptive field", "parameters", "multiply-accumulates")
    lines = [
        (
            *(number, layer.name, size(layer), layer.receptive_field),
            *(f"{layer.parameters:,}", f"{layer.multiply_accumulates:,}"),
        )
        for number, layer in enumerate(network.layers, 1)
    ]
    totals = f"{network.parameters:,} parameters, {network.multiply_accumulates:,} multiply-accumulates per image"
    return (
        f"### {title(network)}\n\n{totals}; {count(len(network.variants), 'variant')}.\n\n"
        f"![Diagram of {title(network)}](figures/{picture}.svg)\n\n"
        f"<details>\n<summary>Its {len(lines)} layers</summary>\n\n{table(header, lines)}\n\n</details>"
    )
