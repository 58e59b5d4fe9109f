# pyright: basic, reportMissingImports=false, reportOptionalSubscript=false, reportArgumentType=false
"""Golden vectors by the second implementation: operations, networks near the limits, steps of all architectures.

As second.py it needs NumPy alone. Its input is what structures.py prints.
"""

import hashlib
import json
import platform
import sys

import numpy as np
import second
from second import E, Q, f32, f64, key, word


def made_images(name, count, side=28, classes=10):
    """The golden vectors' images and labels, in tools/golden/made.py by torch."""
    blocks = -(-side // 4)
    lit = word(key("golden images", name), np.arange(count * blocks * blocks)).reshape(count, blocks, blocks) % 3 == 0
    lit = lit.repeat(4, 1).repeat(4, 2)[:, :side, :side]
    grey = word(key("golden greys", name), np.arange(count * side * side)).reshape(count, side, side) >> 24
    return np.where(lit, grey, 0).astype(np.uint8), word(key("golden labels", name), np.arange(count)) % classes


def network(structure):
    """Initial weights for a list of cells as JSON: shapes and the parameters' names."""
    cells, first = [], {}
    for number, given in enumerate(structure["cells"]):
        shape, name = given["shape"], given["name"]
        cell = {**given, "shared": first.setdefault(name, number)}
        cell["w"] = second.initial(0, f"{name}.weight", shape, np.prod(shape[1:]))
        cell["b"] = second.initial(0, f"{name}.bias", shape[:1], np.prod(shape[1:])) if given["bias"] else None
        if given["norm"]:
            zero, one = np.zeros(shape[0], f32), np.ones(shape[0], f32)
            cell |= {"gamma": one, "beta": zero, "rm": zero, "rv": one}
        cells.append(cell)
    net = {"cells": cells}
    if structure["head"]:
        shape, name = structure["head"]["shape"], structure["head"]["name"]
        net["hw"] = second.initial(0, f"{name}.weight", shape, shape[1])
        net["hb"] = second.initial(0, f"{name}.bias", shape[:1], shape[1])
    return net


def golden_step(structure, ranges):
    """The SHA-256 of a step, as tools/golden/trainings.py has it."""
    net, (images, labels) = network(structure), made_images("step", 5)
    x, m = second.normalised(second.augment(images, np.arange(5), ranges, 0, 1), 0.1307, 0.3081)
    losses, _, grads = second.step(net, x, m, labels, np.arange(5), 0, 1, 0.0)
    logits = second.score(net, *second.normalised(images.astype(np.int64) * 128, 0.1307, 0.3081))
    names = [(number, name) for number in range(len(net["cells"])) for name in ("w", "b", "gamma", "beta")]
    gradients = [grads[name] for name in (*names, "hw", "hb") if name in grads]
    normed = [cell for cell in net["cells"] if cell["norm"]]
    buffers = [part for cell in normed for part in (cell["rm"], cell["rv"], np.array(1))]
    digest = hashlib.sha256()
    for array in (logits, losses, *gradients, *buffers):
        digest.update(np.ascontiguousarray(array + array.dtype.type(0)).tobytes())
    return digest.hexdigest()


def floats(given):
    return np.array([float(number) for number in given])  # also "inf"


def exponents(given):
    largest = floats(given["largest"])
    return {"exponent": E(largest), "of_weights": E(largest, -40)}


def rounded(given):
    bits, e = given["bits"], np.array(given["exponent"])
    numbers = given.get("numbers") or floats(given["units"] + given["beyond"]) * second.unit(bits, e)
    return {"integers": Q(np.array(numbers), bits, e)}


def loss(given):
    logits, labels = np.array(given["logits"], f32), np.array(given["labels"])
    losses, slope = second.loss_slope(logits, labels, given["smoothing"])
    return {"losses": losses, "slope": slope}


def augmentation(given):
    images, numbers = np.array(given["images"]), np.array(given["numbers"])
    return {"pixels": second.augment(images, numbers, given["ranges"], given["seed"], given["epoch"])}


def optimiser(given):
    p, sums = np.array(given["weight"], f32), np.array(given["sums"], f64)
    v, steps = np.zeros_like(p), []
    for number in range(3):
        settings = (given["images"], given["rate"], given["momentum"], given["decay"], given["nesterov"])
        p, v = second.sgd(p, v, sums * (number == 0), *settings)
        steps.append([p.tolist(), v.tolist()])
    return {"steps": steps}


def near_limits(given):
    cells, net = [], {}
    for layer in given["layers"]:
        tensors = {name: np.array(value, f32) for name, value in layer.items() if isinstance(value, list)}
        match layer["layer"]:
            case "Conv2d":
                cells.append({"w": tensors["weight"], "b": tensors.get("bias"), "P": layer["padding"], "norm": False})
            case "BatchNorm2d":
                names = {"gamma": "weight", "beta": "bias", "rm": "running_mean", "rv": "running_var"}
                cells[-1] |= {"norm": True} | {ours: tensors[theirs] for ours, theirs in names.items()}
            case "ReLU":
                cells[-1]["relu2" if cells[-1]["norm"] else "relu1"] = True
            case "Dropout":
                cells[-1]["dropout"] = layer["rate"]
            case "MaxPool2d":
                cells[-1]["pool"] = True
            case "Linear":
                net = {"hw": tensors["weight"], "hb": tensors["bias"]}
    net["cells"] = cells
    x, m = second.normalised(np.array(given["images"]) * 128, given["mean"], given["sd"])
    labels, numbers = np.array(given["labels"]), np.array(given["numbers"])
    logits = second.score(net, x, m)
    losses, _, grads = second.step(net, x, m, labels, numbers, given["seed"], given["epoch"], given["smoothing"])
    names = [(number, name) for number in range(len(cells)) for name in ("w", "b", "gamma", "beta")]
    return {
        "logits": logits,
        "classes": logits.argmax(1),
        "losses": losses,
        "gradients": [grads[name].tolist() for name in (*names, "hw", "hb") if name in grads],
        "statistics": [cell[name].tolist() for cell in cells if cell["norm"] for name in ("rm", "rv")],
    }


def of_x(function, name):
    return lambda given: {name: function(np.array(given["x"], f64))}


OPERATIONS = {
    "exponent": exponents,
    "rounded": rounded,
    "over_images": lambda given: {"sum": second.total(np.array(given["integers"], f64), np.array(given["units"], f64))},
    "exp": of_x(second.exp, "exp"),
    "log": of_x(second.log, "log"),
    "sine_and_cosine": lambda given: dict(zip(("sine", "cosine"), second.sincos(given["degrees"]), strict=True)),
    "words": lambda given: {"words": word(key(given["key"]), given["places"])},
    "loss": loss,
    "augmentation": augmentation,
    "optimiser": optimiser,
    "network": near_limits,
}


def same(ours, theirs):
    """Tell whether numbers are equal, in lists of any depth; -0 is 0."""
    ours = ours.tolist() if isinstance(ours, np.ndarray) else ours
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


def different(vectors):
    """Give how many vectors there are of operations and networks, and the names of the parts that differ."""
    known = {name: vector for name, vector in vectors.items() if name.split()[0] in OPERATIONS}
    wrong = []
    for name, vector in known.items():
        ours = OPERATIONS[name.split()[0]](vector["given"])
        parts = vector["gives"].items()
        wrong += [f"{name}: {part}" for part, theirs in parts if part in ours and not same(ours[part], theirs)]
    return len(known), wrong


if __name__ == "__main__":
    given = json.loads(sys.stdin.read())
    with np.errstate(over="ignore"):  # a network has an infinite sum
        count, wrong = different(given["vectors"])
    for name, structure in given["networks"].items():
        if golden_step(structure, given["ranges"]) != given["expected"][name]:
            wrong.append(f"step {name}")
    for name in wrong:
        print(f"DIFFERENT {name}")
    count += len(given["networks"])
    print(f"NumPy {np.__version__} on {platform.machine()}: {count} golden vectors, {len(wrong)} parts different")
    sys.exit(len(wrong) > 0)
