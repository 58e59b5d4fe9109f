"""`mnist-study site`: the study as a folder of static files, which opens from disk and needs no network."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mnist_study import swap
from mnist_study.core.errors import UserError
from mnist_study.core.policy import Policy
from mnist_study.report.results.outcomes import Results
from mnist_study.tools.site import pages, study, trained

ASSETS = Path(__file__).parent / "assets"
DATA = "assets/study.js"  # in every site and in no other folder, so it tells a site that may be replaced


def make(target: Path) -> str:
    """Write the site in place of `target`, an older site or an empty folder, and say what it holds.

    It is put in place whole or not at all. Raises UserError where `target` is something else.
    """
    empty = target.is_dir() and not any(target.iterdir())
    if target.exists() and not empty and not (target / DATA).exists():
        raise UserError(f"{target}: exists and holds no site; delete it or name another folder")
    found = study.read()
    networks = _networks(found.results)
    known = found.results.logits()
    hashes = {name: {seed: known.get(name, {}).get(seed) for seed in seeds} for name, seeds in networks.items()}
    texts = pages.write(found, hashes)
    texts[DATA] = f"window.STUDY = {_json(study.as_data(found) | {'networks': hashes})};\n"
    for name, seeds in networks.items():
        for seed, each in seeds.items():
            key = json.dumps(f"{name} {seed}")
            texts[f"networks/{name}-{seed}.js"] = f"(window.NETWORKS ||= {{}})[{key}] = {_json(each)};\n"
    _replace(target, texts)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    return f"{target / 'index.html'}: {len(texts)} files made, {size / 2**20:.1f} MB"


def _networks(results: Results) -> dict[str, dict[int, dict[str, Any]]]:
    """Give each variant's networks by seed."""
    return {
        name: trained.networks(
            outcome.recipe,
            Policy.read(Path("data/transforms") / f"{outcome.recipe.augmentation}.json"),
            Path("models") / name,
        )
        for name, outcome in results.outcomes.items()
    }


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))


def _replace(target: Path, texts: dict[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
            new = Path(work) / "new"
            shutil.copytree(ASSETS, new / "assets")
            for name, text in texts.items():
                path = new / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            swap.put_in_place({target: new}, Path(work) / "old")
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror})") from None
