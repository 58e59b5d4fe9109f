"""What each network is made of, as tables."""

from collections.abc import Sequence

from mnist_study.configure.networks import Network, size
from mnist_study.report.page.markdown import anchor, table


def networks_table(networks: Sequence[Network]) -> str:
    """List the networks, with links to their sections in networks.md."""
    header = ("network", "parameters", "multiply-accumulates per image", "layers", "variants")
    lines = [
        (
            f"[{network.title}](networks.md{anchor(network.title)})",
            *(f"{network.parameters:,}", f"{network.multiply_accumulates:,}"),
            *(len(network.layers), len(network.variants)),
        )
        for network in networks
    ]
    return table(header, lines)


def layers_table(network: Network) -> str:
    """List a network's layers."""
    header = ("", "layer", "output", "receptive field", "parameters", "multiply-accumulates")
    lines = [
        (
            *(number, layer.name, size(layer), layer.receptive_field),
            *(f"{layer.parameters:,}", f"{layer.multiply_accumulates:,}"),
        )
        for number, layer in enumerate(network.layers, 1)
    ]
    return table(header, lines)
