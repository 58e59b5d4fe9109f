"""What a training runs on: the versions and the kind of processor that can change its bytes."""

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch


def describe(device: str) -> dict[str, Any]:
    """Give Python, the packages that compute, the processor and for "cuda" the GPU; no host, no date."""
    facts = {
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in ("torch", "numpy")},
        "machine": platform.machine(),
        "processor": ", ".join(cpuinfo("model name")) or platform.processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
    return facts | ({"gpu": torch.cuda.get_device_name()} if device == "cuda" else {})


def cpuinfo(*keys: str) -> list[str]:
    """Give the values that Linux has under these keys for the first processor; none on other systems."""
    file = Path("/proc/cpuinfo")
    first = file.read_text().split("\n\n")[0].splitlines() if file.exists() else []
    pairs = [line.partition(":") for line in first]
    return [value.strip() for key, _, value in pairs if key.strip() in keys]
