"""The engine that trains any network: torch's own operations, on the processor or on a GPU."""

import os

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_study.core.errors import UserError
from mnist_study.core.inference import logits
from mnist_study.core.recipe import Recipe


class TorchEngine:
    """The reference that every other engine is held against; see `engines.Engine`."""

    name = "torch"

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        """Move the model to the recipe's device; raises UserError where there is no GPU."""
        if recipe.device == "cuda":
            require_gpu(recipe)
        self.model = model.to(recipe.device).to(memory_format=torch.channels_last)
        self.device = recipe.device
        self.precision = recipe.precision if recipe.device == "cuda" or multiplies_bf16() else "fp32"
        self.label_smoothing = recipe.label_smoothing

    def begin_epoch(self, seed: int) -> None:
        """Seed torch's global generator, which dropout alone draws from."""
        torch.manual_seed(seed)
        self.model.train()

    def forward_backward(self, images: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Compute loss and gradients; convolutions may use bf16, the loss is always float32."""
        with torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16"):
            batch_logits = self.model(images)
        loss = F.cross_entropy(batch_logits.float(), labels, label_smoothing=self.label_smoothing)
        self.model.zero_grad()
        loss.backward()
        return loss.item(), batch_logits.argmax(1)

    def logits(self, network: nn.Module, images: Tensor) -> Tensor:
        """Compute in fp32, whatever the precision of training."""
        return logits(network, images)


def multiplies_bf16() -> bool:
    """Tell whether the processor has instructions for bf16, without which torch computes it several times slower."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def require_gpu(recipe: Recipe) -> None:
    """Make a GPU deterministic and use full fp32; raises UserError where torch finds none."""
    if not torch.cuda.is_available():
        raise UserError(f"variants.{recipe.variant}.device: cuda given; torch finds no GPU here, which leaves cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with this
    torch.backends.cudnn.allow_tf32 = False  # torch's default for convolutions on GPUs, and not fp32
