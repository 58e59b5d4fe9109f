"""The plain recipe: MNIST as common tutorials train it, with nothing but torch, torchvision and a DataLoader.

One model, eager float32, images through torchvision's PIL transforms one by one, SGD on cross entropy. It is what the
study's engines are measured against, so it has no needless slowness: its workers persist from epoch to epoch.
"""

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from mnist_study.core.mnist import Split

MEAN, SD = (0.1307,), (0.3081,)
BATCH_SIZE = 64
TEST_BATCH_SIZE = 1000

train_transforms = transforms.Compose(
    [
        transforms.RandomRotation((-7.0, 7.0)),
        transforms.RandomAffine(degrees=0, translate=(0.08, 0.08), scale=(0.9, 1.1)),
        transforms.ColorJitter(brightness=0.2, contrast=0.2),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, SD),
    ]
)
test_transforms = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, SD)])


class Digits(Dataset[tuple[Tensor, int]]):
    """MNIST as torchvision.datasets.MNIST gives it: a PIL image made and transformed at each access."""

    def __init__(self, split: Split, transform: Callable[[Image.Image], Any]):
        self.split, self.transform = split, transform

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.split.images[index].numpy())
        return self.transform(image), int(self.split.labels[index])


def training_loader(split: Split, batch_size: int, workers: int) -> DataLoader:
    dataset = Digits(split, train_transforms)
    return DataLoader(dataset, batch_size, shuffle=True, num_workers=workers, persistent_workers=workers > 0)


def test_loader(split: Split, workers: int) -> DataLoader:
    return DataLoader(Digits(split, test_transforms), TEST_BATCH_SIZE, num_workers=workers)


def sgd_with_steps(model: nn.Module) -> tuple[torch.optim.SGD, StepLR]:
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return optimiser, StepLR(optimiser, step_size=6, gamma=0.1)


def train_epoch(
    model: nn.Module, loader: DataLoader, optimiser: torch.optim.Optimizer, after_step: Callable[[int], None]
) -> None:
    """Train one epoch; `after_step` is told the number of images of each step."""
    loss_function = nn.CrossEntropyLoss()
    model.train()
    for images, labels in loader:
        optimiser.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimiser.step()
        after_step(len(labels))


@torch.no_grad()
def accuracy(model: nn.Module, loader: DataLoader) -> float:
    """Give the top-1 accuracy in percent."""
    model.eval()
    correct, seen = 0, 0
    for images, labels in loader:
        correct += int((model(images).argmax(1) == labels).sum())
        seen += len(labels)
    return 100 * correct / seen
