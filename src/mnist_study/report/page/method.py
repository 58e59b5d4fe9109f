"""How to read the page's numbers, and how far they can be trusted."""

from mnist_study.report.analysis.intervals import TEST_IMAGES, seed_noise, wilson
from mnist_study.report.analysis.rows import noises
from mnist_study.report.page.markdown import interval
from mnist_study.report.results.outcomes import Results


def method(results: Results) -> str:
    """Explain the numbers and their limits."""
    if not results.images.study:
        return _of_other_images(results)
    groups = sorted({noise.sd for noise in noises(results).values()})
    noise = seed_noise(outcome.accuracies for outcome in results.rows().values())
    seeds = (
        f"The networks of a row differ by their seed, with a standard deviation of {noise.sd:.3f} points"
        f" ({noise.df} degrees of freedom); by scheduler and augmentation it is {groups[0]:.3f} to {groups[-1]:.3f}."
        if noise
        else "With one seed per row, the variance between seeds is unknown."
    )
    goal = results.target.accuracy
    low, high = wilson(goal)
    return (
        "`dvc repro` wrote this page. The study trained 60 small networks on MNIST's 60,000 training images and aimed"
        f" at {goal:.2f} % on the {TEST_IMAGES:,} test images. It does not state the optimiser, the learning rate or"
        " the strength of the augmentation. Here all its rows are trained again by one recipe; docs/recipe.md explains"
        " each choice.\n\n"
        "- *Accuracy here* is that of the weights after the last epoch, mean over seeds. The test images did not choose"
        " the epoch. The study does not say whether its figures are of the last or of the best epoch, so theirs may be"
        " biased upwards.\n"
        f"- {seeds} Intervals over seeds allow for other seeds, on the same {TEST_IMAGES:,} images. Other test images"
        f" would move all networks together: at {goal:.2f} % by {interval((low - goal, high - goal), '+.2f')} points"
        " (95 % interval).\n"
        "- A published figure is of one run, so only large differences from it are significant, and *agrees* does not"
        " prove that two are equal. The models under [Effects](#effects) detect smaller differences. docs/statistics.md"
        " says how often all these intervals are right.\n"
        "- All comparisons are of these recipes. With another learning rate a verdict could be different."
    )


def _of_other_images(results: Results) -> str:
    goal, images = results.target.accuracy, next(iter(results.outcomes.values())).test_images
    low, high = wilson(goal, images)
    return (
        "`dvc repro` wrote this page. The images are not MNIST, so there is no published study to compare with.\n\n"
        "- Accuracy is that of the weights after the last epoch, mean over seeds. The test images did not choose the"
        " epoch.\n"
        f"- Intervals over seeds allow for other seeds, on the same {images:,} images. Other test images would move all"
        f" networks together: at {goal:.2f} % by {interval((low - goal, high - goal), '+.2f')} points (95 % interval)."
    )
