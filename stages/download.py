"""Fetch the images into data/mnist from the sources that build/data.json lists."""

import json
from pathlib import Path

from mnist_study.download import fetch
from mnist_study.download.fit import Images
from mnist_study.running import console


def main() -> None:
    """Try the sources in order, each for its seconds at most, and say which one delivered."""
    settings = json.loads(Path("build/data.json").read_text())
    images = Images(**settings["images"])
    source = fetch(Path("data/mnist"), images, settings["sources"], seconds=settings["seconds"])
    print(f"the images came from {source}")


if __name__ == "__main__":
    with console.plain_errors():
        main()
