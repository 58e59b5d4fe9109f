"""The pages of the report, in Markdown, from the templates beside this file."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mnist_study.report.analysis.claims import Claim, p_value, say
from mnist_study.report.analysis.designs import DESIGNS
from mnist_study.report.analysis.factorial import Fit
from mnist_study.report.analysis.farthest import Farthest
from mnist_study.report.analysis.intervals import seed_noise, wilson
from mnist_study.report.analysis.rows import noises, own_interval
from mnist_study.report.page import (
    claim_tables,
    model_card,
    network_tables,
    probability_table,
    published_tables,
    target,
)
from mnist_study.report.page.markdown import accuracy, anchor, count, interval
from mnist_study.report.page.oddities import oddities
from mnist_study.report.results.misses import Misses
from mnist_study.report.results.outcomes import Results

Fits = Mapping[str, Fit]
FUNCTIONS = (  # that the templates call by these names
    claim_tables.claims_table,
    claim_tables.counted_verdicts,
    claim_tables.effect_table,
    claim_tables.interactions,
    claim_tables.size,
    model_card.limits_table,
    model_card.noise_sentence,
    model_card.seeds_table,
    network_tables.layers_table,
    network_tables.networks_table,
    oddities,
    probability_table.meanings,
    probability_table.probability_table,
    published_tables.mean_difference,
    published_tables.means_table,
    published_tables.own_table,
    published_tables.published_tables,
    published_tables.row_verdicts,
    target.reached,
    target.target_sentence,
    target.target_table,
)


def write(
    results: Results,
    misses: Misses,
    claims: Sequence[Claim],
    published: Fits,
    ours: Fits,
    figures: Collection[str],
    farthest: Farthest | None = None,
) -> dict[str, str]:
    """Write the pages, by name; `figures` names the pictures that stand in figures/ beside them.

    Where no variant is a row of the study, `claims` and the fits are empty, and what is about the study is left out.
    """
    environment = _environment()
    facts = _facts(results, misses) | {
        "claims": claims,
        "published_fits": published,
        "our_fits": ours,
        "figures": figures,
        "farthest": farthest,
    }
    pages = {
        "study.md": _with_contents(_tidy(environment.get_template("study.md.j2").render(facts))),
        "networks.md": _tidy(environment.get_template("networks.md.j2").render(networks=results.networks)),
    }
    if results.champions:
        pages["model_card.md"] = _tidy(environment.get_template("model_card.md.j2").render(facts))
    return pages


def _environment() -> Environment:
    """Give the templates what writes tables and numbers; a name that is not there is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - this is Markdown
    )
    environment.filters |= {
        "accuracy": accuracy,
        "count": count,
        "interval": interval,
        "named": claim_tables.named,
        "own_interval": own_interval,
        "p_value": p_value,
        "say": say,
        "wilson": wilson,
    }
    environment.globals |= {function.__name__: function for function in FUNCTIONS}
    return environment


def _facts(results: Results, misses: Misses) -> dict[str, Any]:
    """Give what the template of the study reads beside tables."""
    best, goal = results.outcomes[results.leaderboard()[0]], results.target.accuracy
    low, high = wilson(goal, best.test_images)
    spread = sorted(noise.sd for noise in noises(results).values())
    networks = misses.networks
    return {
        "results": results,
        "misses": misses,
        "study": bool(results.published),
        "mnist": results.images.study,
        "summary": results.summary()["study"],
        "best": best,
        "own": {name: outcome for name, outcome in results.outcomes.items() if not outcome.published},
        "has_champion": bool(results.champions),
        "goal": f"{goal:.2f}",
        "designs": DESIGNS,
        "noise": seed_noise(outcome.accuracies for outcome in results.rows().values()),
        "noise_range": (spread[0], spread[-1]) if spread else (),
        "other_images": (low - goal, high - goal),
        "missed_by": [int((misses.counts >= count).sum()) for count in (1, networks // 2 + 1, networks)],
    }


def _tidy(text: str) -> str:
    """Leave one empty line where the templates' conditions left more."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _with_contents(page: str) -> str:
    titles = re.findall(r"^## (.*)$", page, re.M)
    return page.replace("[contents]", "\n".join(f"- [{title}]({anchor(title)})" for title in titles))
