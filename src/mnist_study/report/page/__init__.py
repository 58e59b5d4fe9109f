"""The page of the report, in Markdown, one section per file: the result first."""

from collections.abc import Collection, Sequence

from mnist_study.report.analysis.claims import Claim
from mnist_study.report.page.markdown import anchor
from mnist_study.report.page.method import method
from mnist_study.report.page.missed import missed
from mnist_study.report.page.network_tables import sections
from mnist_study.report.page.oddities import oddities
from mnist_study.report.page.probability_table import probability_table
from mnist_study.report.page.published_tables import own_table, published_tables
from mnist_study.report.page.result import result, target
from mnist_study.report.page.verdicts import Fits, claims_table, effects
from mnist_study.report.results.misses import Misses
from mnist_study.report.results.outcomes import Results

CAPTIONS = {
    "effects": (
        "The changes that the two tables below list. Right of the line the change helps. An interval that contains 0 is"
        " inconclusive. One that just excludes 0 may be so too: among many comparisons some are extreme by chance. The"
        " claims' p values are adjusted for that."
    ),
    "against_published": (
        "Each point is a row of the study. Above the diagonal the accuracy here is higher. A ring marks a row whose"
        " two figures do not agree (95 % interval). The dashed lines are the target."
    ),
    "parameters": (
        "Each point is a row of the study, here and as published; a star is a variant that is not in the study, with"
        " the 95 % interval of its mean. Architectures of nearly equal size are drawn side by side. The dashed lines"
        " are the target and its limit."
    ),
    "learning_curves": (
        "Test accuracy after each epoch, mean over seeds; the dashed line is the target. Colours are schedulers, or"
        " variants that are not in the study. Dotted: not augmented; thin: batch size 128 or, in tables 5 and 6, with"
        " dropout. `plots/learning_curves.csv` has every number."
    ),
    "confusion": (
        "The variant with the highest test accuracy, first seed, on the test images. Only the misses are coloured."
    ),
    "missed": (
        "The test images that more than half of the networks miss, hardest first, at most 40. Above each: its label,"
        " the most common wrong answer, its index among the test images (from 0), and the share of networks that miss"
        " it. Some of the labels are wrong: Northcutt, Athalye and Mueller (2021) count 15."
    ),
}

OF_OTHER_IMAGES = {
    "parameters": (
        "A star is a variant, with the 95 % interval of its mean. The dashed lines are the target and its limit."
    ),
    "learning_curves": (
        "Test accuracy after each epoch, mean over seeds; the dashed line is the target. Dotted: not augmented."
        " `plots/learning_curves.csv` has every number."
    ),
    "missed": CAPTIONS["missed"].partition(" Some of the labels")[0],
}


def write(
    results: Results, misses: Misses, claims: Sequence[Claim], published: Fits, ours: Fits, figures: Collection[str]
) -> str:
    """Write the page; `figures` names the pictures that stand in figures/ beside it.

    A section without text is left out, such as those about the study where the images are others.
    """
    study = results.images.study
    captions = CAPTIONS if study else CAPTIONS | OF_OTHER_IMAGES

    def picture(name: str, title: str) -> str:
        return f"![{title}](figures/{name}.svg)\n\n{captions[name]}" if name in figures else ""

    diagrams = [name for name in figures if name.startswith("network_")]
    parts = {
        "The study's claims": [claims_table(claims)],
        "The target": [target(results), picture("parameters", "Accuracy over parameters")],
        "Effects": [picture("effects", "Effects with their intervals"), effects(published, ours)],
        "Here against published": [picture("against_published", "Here against published"), published_tables(results)],
        "Not in the study" if study else "The variants": [own_table(results)],
        "Probabilities": [probability_table(results)],
        "Learning curves": [picture("learning_curves", "Learning curves")],
        "What is missed": [
            picture("confusion", "Confusion matrix of the best variant"),
            missed(misses),
            picture("missed", f"Test {'digits' if study else 'images'} that most networks miss"),
        ],
        "The networks": [sections(results.networks, diagrams)],
        "Where the study contradicts itself": [oddities(results.published, results.target)],
        "How to read the numbers": [method(results)],
    }
    parts = {title: texts for title, texts in parts.items() if any(texts)}
    contents = "\n".join(f"- [{title}]({anchor(title)})" for title in parts)
    body = [f"## {title}\n\n" + "\n\n".join(part for part in texts if part) for title, texts in parts.items()]
    heading = "# Tiny MNIST networks, trained again" if study else "# Tiny networks on other images than MNIST"
    return "\n\n".join([heading, result(results, claims), contents, *body]) + "\n"
