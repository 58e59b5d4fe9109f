"""How to read the page's numbers, and how far they can be trusted."""

from mnist_study.report.analysis.claims import noise_by_scheduler
from mnist_study.report.analysis.intervals import TEST_IMAGES, seed_noise, wilson
from mnist_study.report.page.markdown import interval
from mnist_study.report.results.outcomes import Results


def method(results: Results) -> str:
    """Say what the numbers are and how far they can be trusted."""
    spread = ", ".join(f"{noise.sd:.3f} with {name}" for name, noise in noise_by_scheduler(results).items())
    noise = seed_noise(outcome.accuracies for outcome in results.rows().values())
    seeds = (
        f"Networks of one row that differ by their seed have a standard deviation of {noise.sd:.3f} points"
        f" ({noise.degrees} degrees of freedom; {spread})."
        if noise
        else "With one seed a row, how far seeds differ is not known."
    )
    goal = results.target.accuracy
    low, high = wilson(goal)
    return (
        "`dvc repro` wrote this page. The study trained 60 small networks on MNIST's 60,000 training images and looked"
        f" for {goal:.2f} % on the {TEST_IMAGES:,} test images. Here its rows are trained again from one recipe, since"
        " it leaves out the optimiser, the learning rate and the strength of the augmentation; docs/recipe.md says how"
        " each was chosen.\n\n"
        "- *Accuracy here* is that of the weights after the last epoch, mean over seeds. The test images did not choose"
        " the epoch. Whether the published figures are of the last or of the best epoch is not known, so they may hold"
        " a little more luck than ours.\n"
        f"- {seeds} Intervals over seeds say what other seeds would give on the same {TEST_IMAGES:,} images. Other"
        f" images of the same kind would move all networks together: at {goal:.2f} % by"
        f" {interval((low - goal, high - goal), '+.2f')} points, in 95 of 100 cases.\n"
        "- Rows are compared with published figures as if each run had drawn its own images. That is the most that luck"
        " can do, so these intervals are rather too wide than too narrow, and *within noise* is no proof that two are"
        " equal. The models under [Effects](#effects) measure noise by the networks themselves, so they see smaller"
        " differences.\n"
        "- The comparisons are of these recipes with these options. Another learning rate could turn a verdict."
    )
