"""The site's pages, in HTML, from the templates beside this file."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mnist_study.evaluate.proof import IMAGES
from mnist_study.report.analysis.claims import say
from mnist_study.report.analysis.rows import own_interval
from mnist_study.report.page.claim_tables import MANY
from mnist_study.report.page.markdown import accuracy, count, interval
from mnist_study.report.page.model_card import noise_sentence
from mnist_study.report.page.probability_table import meanings
from mnist_study.report.page.published_tables import HEADINGS, mean_difference, row_verdicts
from mnist_study.report.page.target import target_sentence
from mnist_study.report.results.outcomes import Outcome
from mnist_study.tools.predict.predict import SURE
from mnist_study.tools.site import details
from mnist_study.tools.site.study import Study, as_data, misses_of

Hashes = Mapping[str, Mapping[int, str | None]]
FRONT = {  # the pages, by the words that lead to them
    "index": "Overview",
    "rows": "Rows",
    "claims": "Claims",
    "draw": "Draw",
    "proof": "The proof",
}


def write(study: Study, hashes: Hashes) -> dict[str, str]:
    """Write every page, by its path in the site; `hashes` has each network's SHA-256 by variant and seed."""
    results = study.results
    environment = _environment()
    facts = {
        "study": study,
        "results": results,
        "summary": results.summary(),
        "data": as_data(study)["variants"],
        "networks": hashes,
        "proved": {name: seeds for name, seeds in hashes.items() if any(seeds.values())},
        "titles": _titles(study, hashes),
        "brand": "Tiny MNIST networks" if results.images.study else "Tiny networks",
        "top": "",
    }
    written = {
        f"{page}.html": environment.get_template(f"{page}.html.j2").render(facts | {"here": page})
        for page in facts["titles"]
    }
    template = environment.get_template("variant.html.j2")
    for name, outcome in results.outcomes.items():
        own = _variant(name, outcome, study)
        written[f"variants/{name}.html"] = template.render(facts | own | {"here": "rows", "top": "../"})
    return written


def _titles(study: Study, hashes: Hashes) -> dict[str, str]:
    """Leave out the pages for which there is nothing."""
    empty = {"claims"} if not study.claims else set()
    if not any(hashes.values()):
        empty.add("draw")
    return {page: words for page, words in FRONT.items() if page not in empty}


def _variant(name: str, outcome: Outcome, study: Study) -> dict[str, Any]:
    network = details.network(name, study.results)
    return {
        "name": name,
        "outcome": outcome,
        "settings": details.settings(outcome),
        "network": network,
        "blocks": details.blocks(network),
        "confusion": details.confusion(outcome),
        "curves": details.curves(outcome),
        "missed": details.missed(misses_of(name, study.results)),
    }


def _environment() -> Environment:
    """Give the templates what writes numbers; a name that is not there is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters |= {
        "accuracy": accuracy,
        "code": _code,
        "count": count,
        "interval": interval,
        "misses_of_table": _misses,
        "own_interval": own_interval,
        "say": say,
        "signed": _signed,
    }
    environment.globals |= {
        "HEADINGS": HEADINGS,
        "IMAGES": IMAGES,
        "MANY": MANY,
        "SURE": SURE,
        "counted": Counter,
        "mean_difference": mean_difference,
        "meanings": meanings(),
        "noise_sentence": noise_sentence,
        "row_verdicts": row_verdicts,
        "target_sentence": target_sentence,
    }
    return environment


def _signed(value: float, digits: int) -> str:
    """Write a difference; one that rounds to 0 is +0."""
    return f"{value:+z.{digits}f}"


def _code(text: str) -> Markup:
    """Turn what stands between backticks into code, as the report's Markdown has it."""
    code = Markup("<code>{}</code>")
    parts = enumerate(text.split("`"))
    return Markup("").join(code.format(part) if number % 2 else part for number, part in parts)


def _misses(table: list[list[float]]) -> list[float]:
    """List a confusion matrix's counts off the diagonal."""
    return [cell for actual, line in enumerate(table) for answer, cell in enumerate(line) if answer != actual]
