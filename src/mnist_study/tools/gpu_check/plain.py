"""PyTorch's own training step on the same GPU: one network eagerly, compiled, in bf16; many by `torch.func.vmap`.

Forward, backward and SGD with momentum of images that lie on the GPU; no augmentation.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from mnist_study import architectures
from mnist_study.tools.gpu_check import hashes

Step = Callable[[Tensor, Tensor], object]


def one(name: str, device: str, *, bf16: bool = False, compiled: bool = False) -> Step:
    """Give a step of one network; with `compiled` forward, loss and backward are compiled."""
    model = _model(name).to(device)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def loss(images: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            return F.cross_entropy(model(images).float(), labels)

    computed = torch.compile(loss, mode="reduce-overhead") if compiled else loss

    def step(images: Tensor, labels: Tensor) -> None:
        optimiser.zero_grad()
        computed(images, labels).backward()
        optimiser.step()

    return step


def many(name: str, networks: int, device: str) -> Step:
    """Give a step of many networks; images [networks, N, 1, H, W], labels [networks, N]."""
    models = [_model(name).to(device) for _ in range(networks)]
    parameters, buffers = stack_module_state(models)
    momenta = {key: torch.zeros_like(value) for key, value in parameters.items()}

    def loss(parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(models[0], (parameters, buffers), (images,)), labels)

    gradients = vmap(grad(loss), randomness="different")

    @torch.no_grad()
    def step(images: Tensor, labels: Tensor) -> None:
        for key, gradient in gradients(parameters, buffers, images, labels).items():
            momenta[key].mul_(0.9).add_(gradient)
            parameters[key].sub_(momenta[key], alpha=0.05)

    return step


def _model(name: str) -> nn.Module:
    architecture, options = hashes.NETWORKS[name]
    return architectures.build(architecture, **options)
