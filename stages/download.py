"""Fetch MNIST into data/mnist from the sources that build/data.json lists."""

import json
from pathlib import Path

from mnist_study.download import fetch
from mnist_study.running import console


def main() -> None:
    """Try the sources in order, each for its seconds at most, and say which one delivered."""
    settings = json.loads(Path("build/data.json").read_text())
    source = fetch(Path("data/mnist"), settings["sources"], seconds=settings["seconds"])
    print(f"MNIST came from {source}")


if __name__ == "__main__":
    with console.plain_errors():
        main()
