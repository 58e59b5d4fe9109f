"""The command `mnist-study`. Each subcommand imports what it needs when it is called: `--help` waits for no torch."""

from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from mnist_study.running.console import plain_errors

app = typer.Typer(
    help="Run, review and use the study of tiny MNIST networks.",
    epilog="With --debug, or MNIST_STUDY_DEBUG=1 in the environment, an error shows its traceback.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # plain_errors prints them
)


def main() -> None:
    """Run the command line; an error is a line and exit status 1, a wrong option exit status 2."""
    with plain_errors():
        app(prog_name="mnist-study")


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, Option("--version", help="Print the version and exit.")] = False) -> None:
    """Take the options that belong to no subcommand."""
    if version:
        print(metadata.version("mnist-study"))
        raise typer.Exit


@app.command()
def predict(
    pictures: Annotated[list[str], Argument(metavar="PICTURE...", help="Photos or drawings, each of one digit.")],
    variant: Annotated[
        str | None,
        Option(help="Whose networks answer: by default the first champion's; for noise, one trained with it."),
    ] = None,
    folder: Annotated[Path | None, Option(help="What `export` wrote: needs no checkout.")] = None,
    json: Annotated[bool, Option("--json", help="Print JSON for programs.")] = False,
    show: Annotated[bool, Option("--show", help="Draw what the networks see of each picture.")] = False,
) -> None:
    """Name the digit in each picture."""
    from mnist_study.tools.predict.predict import predict

    predict(pictures, variant, folder, json_wanted=json, shown=show)


@app.command()
def export(
    variant: Annotated[str | None, Argument(help="A trained variant: the first champion by default.")] = None,
    folder: Annotated[Path | None, Option(help="To write to; exports/VARIANT by default.")] = None,
) -> None:
    """Write a variant's networks to a folder for use elsewhere: ONNX, and all that `predict --folder` needs."""
    from mnist_study.tools.export.export import export

    export(variant, folder)


@app.command()
def networks(
    architecture: Annotated[str | None, Argument(help="A file in src/mnist_study/architectures.")] = None,
    settings: Annotated[list[str] | None, Option("--set", metavar="OPTION=VALUE", help="Such as dropout=0.04.")] = None,
) -> None:
    """Print the layers of an architecture; without a name, the totals of all."""
    from mnist_study.tools.show_networks import show

    show(architecture, settings or ())


@app.command()
def plan(
    changes: Annotated[
        list[str] | None, Option("-S", "--set-param", metavar="KEY=VALUE", help="As in exp run.")
    ] = None,
) -> None:
    """Print what `dvc repro` would run, why, and how long the trainings take; run nothing."""
    from mnist_study.tools.plan import show

    show(changes or ())


@app.command()
def rename(
    old: Annotated[str, Argument(help="A name under `variants` in params.yaml.")],
    new: Annotated[str, Argument(help="Its new name.")],
) -> None:
    """Rename a variant together with its results; nothing is trained."""
    from mnist_study.tools.rename import rename

    rename(old, new)


@app.command()
def tidy(
    delete: Annotated[bool, Option("--delete", help="Delete what is listed.")] = False,
) -> None:
    """List what no variant, branch, tag or experiment names, in dvc.lock, the bundled store and the cache."""
    from mnist_study.tools.tidy import tidy

    tidy(delete=delete)


@app.command()
def study(
    jobs: Annotated[int | None, Option(min=1, help="Variants at once; by default as many as is quickest.")] = None,
    ray: Annotated[str | None, Option(metavar="ADDRESS", help="Train on this Ray cluster; auto: a local one.")] = None,
    remote: Annotated[str | None, Option(help="The DVC remote by which results come back from a cluster.")] = None,
    dirty: Annotated[bool, Option("--dirty", help="Take uncommitted changes along to a cluster.")] = False,
    gpu: Annotated[bool, Option("--gpu", help="Train those of engine exact on this machine's GPU first.")] = False,
) -> None:
    """Do what `dvc repro` does, several variants at once."""
    from mnist_study.tools.parallel.repro import repro

    repro(jobs, ray, remote, dirty=dirty, gpu=gpu)


@app.command()
def sweep(
    plan: Annotated[Path, Argument(help="A params.yaml with `trials`, whose variants hold out images.")],
    images: Annotated[Path, Option(help="The folder of MNIST's files.")] = Path("data/mnist"),
) -> None:
    """Compare recipes on held-out training images; the rows go to the CSV beside the plan."""
    from mnist_study.tools.sweep.sweep import sweep

    sweep(plan, images)


@app.command()
def coverage(
    shared: Annotated[Path, Option(help="A CSV file of networks whose rows share their seeds.")] = Path(
        "docs/statistics/shared_seeds.csv"
    ),
    own: Annotated[Path, Option(help="One of networks whose rows have seeds of their own.")] = Path(
        "docs/statistics/own_seeds.csv"
    ),
    studies: Annotated[int, Option(min=100, help="How many to simulate.")] = 10_000,
    seeds: Annotated[int, Option(min=2, help="Networks in a row.")] = 5,
) -> None:
    """Simulate how often the report's intervals are right, and print tables in Markdown."""
    from mnist_study.tools.coverage.coverage import coverage

    print(coverage(shared, own, studies, seeds))


@app.command()
def review(
    base: Annotated[str, Argument(help="Branch, tag or commit; the review begins where this branch left it.")] = "main",
) -> None:
    """Print what this branch changes, as Markdown; exit status 1 where a stage is stale or not pushed."""
    from mnist_study.tools.review.review import print_review

    if not print_review(base):
        raise typer.Exit(1)


@app.command()
def experiments() -> None:
    """Print the experiments made from HEAD: a line for each variant that one changed."""
    from mnist_study.tools.experiments import show

    show()


@app.command()
def plots() -> None:
    """Write dvc_plots/index.html, which opens without network."""
    from mnist_study.tools import vega

    raise typer.Exit(vega.draw())


@app.command()
def site(
    folder: Annotated[Path, Argument(help="Where to write it; a site that is there is replaced.")] = Path("site"),
) -> None:
    """Write the results, a canvas to draw on and the proof as a folder of HTML, which opens without network."""
    from mnist_study.tools.site.make import make

    print(make(folder))


@app.command()
def doctor(
    quick: Annotated[bool, Option("--quick", help="Only what would spoil a run, and only what is wrong.")] = False,
) -> None:
    """Look for what is missing, damaged or left over; a line each, with the command that heals it."""
    from mnist_study.tools.doctor.__main__ import examine

    raise typer.Exit(examine(quick=quick))


@app.command()
def verify(
    device: Annotated[Literal["cpu", "cuda"], Option(help="Where to compute.")] = "cpu",
) -> None:
    """Compare what this machine computes with golden vectors and landed networks; exit status 1 where a bit differs."""
    from mnist_study.tools.golden.verify import verify

    raise typer.Exit(0 if verify(device) else 1)


@app.command()
def result() -> None:
    """Print the result in a few lines, where to read all of it, and what to try next."""
    from mnist_study.tools.result import result

    print(result())


@app.command("dvc", context_settings={"ignore_unknown_options": True})
def quiet_dvc(
    command: Literal["pull", "repro"],
    options: Annotated[list[str] | None, Argument(help="As after `dvc pull` or `dvc repro`.")] = None,
) -> None:
    """Run DVC without a line for each stage that did not change."""
    from mnist_study.tools import dvc

    raise typer.Exit(dvc.quietly(command, *options or ()))


if __name__ == "__main__":
    main()
