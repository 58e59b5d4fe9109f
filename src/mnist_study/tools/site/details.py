"""What a variant's own page shows beside its figures: recipe, layers, curves, confusion, the images that it misses."""

import base64
import io
from dataclasses import asdict
from typing import Any

import numpy as np
from PIL import Image

from mnist_study.configure.networks import Network, size
from mnist_study.report.results.misses import Misses
from mnist_study.report.results.outcomes import Outcome, Results

MOST = 48  # missed images on a page
DEFAULTS = {  # settings that change nothing at this value are left out
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "ema": 0.0,
    "anneal_epochs": 0,
    "nesterov": False,
    "validation": 0,
    "device": "cpu",
}


def settings(outcome: Outcome) -> dict[str, Any]:
    """Give the recipe's settings by name, less those that are off."""
    found = asdict(outcome.recipe)
    found |= {f"model: {name}": value for name, value in found.pop("model").items()}
    found |= {f"scheduler: {name}": value for name, value in found.pop("scheduler_options").items()}
    if not found["anneal_epochs"]:
        del found["anneal_strength"]
    del found["variant"]
    return {name: value for name, value in found.items() if DEFAULTS.get(name) != value or name not in DEFAULTS}


def network(name: str, results: Results) -> Network:
    """Find the network that a variant trains."""
    return next(each for each in results.networks if name in each.variants)


def blocks(network: Network) -> list[dict[str, Any]]:
    """Group the layers for a drawing: each convolution, or the end, with what follows it."""
    found: list[dict[str, Any]] = []
    for layer in network.layers:
        if layer.name.startswith("Conv2d") or layer.name.startswith("AdaptiveAvgPool2d") or not found:
            found.append({"names": [], "parameters": 0})
        block = found[-1]
        block["names"].append(layer.name)
        block["parameters"] += layer.parameters
        block |= {"size": size(layer), "shape": layer.output_size, "field": layer.receptive_field}
    return found


def confusion(outcome: Outcome) -> list[list[float]]:
    """Give the mean over seeds of the counts by true and by predicted class."""
    return np.mean([replica["confusion"] for replica in outcome.evaluation["replicas"]], axis=0).tolist()


def curves(outcome: Outcome) -> dict[int, list[float]]:
    """Give the test accuracy after each epoch, by seed."""
    return {
        replica["seed"]: [round(row["test_accuracy"], 3) for row in replica["history"]]
        for replica in outcome.training["replicas"]
    }


def missed(found: Misses) -> list[dict[str, Any]]:
    """List the images that most seeds miss, hardest first, at most MOST: a picture, its label, the usual answer."""
    order = np.argsort(-found.counts, kind="stable")[:MOST]
    return [
        {
            "image": int(place),
            "picture": _png(found.images[place]),
            "label": int(found.labels[place]),
            "answer": int(found.answers[place]),
            "seeds": int(found.counts[place]),
        }
        for place in order[found.counts[order] > 0]
    ]


def _png(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
