"""A network as an ONNX file, and how far what onnxruntime computes of it is from what the network gives."""

import logging
import warnings
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from mnist_study.core.errors import UserError

TOLERANCE = 0.2  # of the two highest logits, within which the classes may differ; seen are 0.046, once 0.076
BATCH = 500  # images at once, which bounds memory


class Whole(nn.Module):
    """A network with what comes before it, from bytes to normalised numbers, and the probabilities behind it."""

    def __init__(self, network: nn.Module, mean: float, sd: float) -> None:
        super().__init__()
        self.network, self.mean, self.sd = network, mean, sd

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits and probabilities, float32 [N, K], of uint8 images [N, side, side]."""
        logits = self.network((images.float().unsqueeze(1) / 255 - self.mean) / self.sd)
        return logits, logits.softmax(1)


@dataclass(frozen=True)
class Agreement:
    """How many images were compared, how far a logit was off at most, and which images have other classes."""

    images: int
    largest: float
    others: list[int]


def to_onnx(network: nn.Module, side: int, mean: float, sd: float) -> bytes:
    """Give the file's bytes, checked by onnx. Input: images; outputs: logits, probabilities."""
    network.eval()
    given = torch.zeros(2, side, side, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about itself
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            Whole(network, mean, sd).eval(),
            (given,),
            dynamo=True,
            input_names=["images"],
            output_names=["logits", "probabilities"],
            dynamic_shapes=({0: torch.export.Dim("count")},),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def compare(file: bytes, images: np.ndarray, logits: np.ndarray, name: str) -> Agreement:
    """Compare with the network's own logits, float32 [N, K], of uint8 images [N, side, side].

    Raises UserError where classes differ though the two highest logits are farther apart than `TOLERANCE`.
    """
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    theirs = np.concatenate([np.asarray(session.run(["logits"], {"images": batch})[0]) for batch in batches])
    highest = np.sort(logits, axis=1)
    others = np.flatnonzero(theirs.argmax(1) != logits.argmax(1))
    wrong = others[highest[others, -1] - highest[others, -2] > TOLERANCE]
    if wrong.size:
        raise UserError(f"{name}: names other classes than the network of {wrong.size} images, the first {wrong[0]}")
    return Agreement(len(images), float(np.abs(theirs - logits).max()), others.tolist())
