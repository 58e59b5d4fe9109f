"""The pages of `dvc plots`, opened in a browser that reaches no network: everything is drawn, nothing is cut off."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mnist_study.report import plot_tables
from mnist_study.report.results.outcomes import Results
from tests.support import ROOT
from tests.support.studies import PUBLISHED, scattered, whole_study

pytestmark = [pytest.mark.slow, pytest.mark.pages]

SCREENSHOTS = ROOT / "build" / "pages"
PROBE = (Path(__file__).parent / "probe.js").read_text()
POLICIES = ("affine", "affine_jitter", "plain", "rotate")
EPOCHS = 19


def long_curves(study: Results) -> Results:
    """Have every replica climb to its accuracy for 19 epochs."""
    for outcome in study.outcomes.values():
        for number, replica in enumerate(outcome.training["replicas"]):
            end = replica["history"][-1]
            replica["history"] = [
                end | {"epoch": epoch, "test_accuracy": end["test_accuracy"] - (2 + number / 4) * 0.6 ** (epoch - 1)}
                for epoch in range(1, EPOCHS + 1)
            ]
    return study


def with_confusion(study: Results) -> Results:
    """Have the best variant miss some images."""
    best = study.outcomes[study.leaderboard()[0]]
    counts = best.evaluation["replicas"][0]["confusion"]
    for actual, predicted, images in ((4, 9, 7), (5, 3, 12), (9, 4, 1)):
        counts[actual][predicted] += images
        counts[actual][actual] -= images
    return replace(study)


STUDY = with_confusion(long_curves(whole_study(scattered, champion=[99.6, 99.62, 99.58], champion_10k=[99.5] * 3)))
AGAIN = long_curves(
    whole_study(
        lambda row, seed: scattered(row, seed + 3 if row.architecture == "one_pool" else seed),
        champion=[99.6, 99.62, 99.58],
    )
)

LONG = "one_pool-" + "a" * 40 + "-" + "b" * 50
OWN: dict[str, Any] = {"champion": [99.6, 99.62, 99.58], "mine": [92.8], LONG: [99.1, 99.2]}
ODD = long_curves(whole_study(scattered, **OWN))
ONE_MORE = long_curves(whole_study(scattered, champion=[99.6, 99.62, 99.58], champion_10k=[99.5] * 3, mine=[92.8]))
for study in (ODD, ONE_MORE):  # `mine` has a single epoch
    replica = study.outcomes["mine"].training["replicas"][0]
    replica["history"] = [replica["history"][-1] | {"epoch": 1}]


class Project:
    """The files of the project that `dvc plots` reads, with whatever study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (".dvc/config", "dvc.yaml", "params.yaml"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
        (folder / "data" / "transforms").mkdir(parents=True)
        for policy in POLICIES:
            Image.new("L", (1160, 700), 90).save(folder / "data" / "transforms" / f"{policy}.png")
        self.run("git", "init", "--quiet")

    def run(self, *command: str) -> None:
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def write(self, study: Results) -> None:
        folder = self.folder / "reports" / "plots"
        folder.mkdir(parents=True, exist_ok=True)
        for table in (plot_tables.learning_curves, plot_tables.leaderboard, plot_tables.confusion):
            (folder / f"{table.__name__}.csv").write_text(table(study))

    def commit(self) -> None:
        who = ["-c", "user.name=test", "-c", "user.email=test"]
        self.run("git", "add", "--all")
        self.run("git", *who, "commit", "--quiet", "--message", "state")

    def page(self, target: Path, *command: str, vega: bool = True) -> Path:
        self.run(str(Path(sys.executable).parent / "dvc"), "plots", *command)
        (self.folder / "dvc_plots").rename(target)
        if vega:
            shutil.copytree(ROOT / "dvc_plots" / "vega", target / "vega")
        return target / "index.html"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make the pages: this checkout's own report, a study of 62 variants, other revisions of it, and one without Vega.

    And a copy of the last, with files on this machine for the addresses that DVC writes.
    """
    if not (ROOT / "dvc_plots" / "vega").is_dir():
        pytest.fail("dvc_plots/vega is missing: `make test-pages` fetches it", pytrace=False)
    folder = tmp_path_factory.mktemp("pages")
    project = Project(folder / "project")
    shutil.copytree(ROOT / "reports" / "plots", project.folder / "reports" / "plots")
    made = {"own": project.page(folder / "own", "show")}
    project.write(STUDY)
    project.commit()
    made["study"] = project.page(folder / "study", "show")
    project.write(AGAIN)
    made["two"] = project.page(folder / "two", "diff", "HEAD")
    project.write(ODD)
    made["odd"] = project.page(folder / "odd", "show")
    project.write(ONE_MORE)
    made["more"] = project.page(folder / "more", "diff", "HEAD")
    made["bare"] = project.page(folder / "bare", "show", vega=False)
    text = made["bare"].read_text()
    files = f"{(ROOT / 'dvc_plots' / 'vega').as_uri()}/"
    shutil.copytree(folder / "bare", folder / "network")
    made["network"] = folder / "network" / "index.html"
    made["network"].write_text(re.sub(r'https:[^"]*/(vega[a-z-]*)@[^"]*', rf"{files}\1.min.js", text))
    return made


def opened(browser: Any, page: Path, width: int = 1400) -> dict[str, Any]:
    """Open the page with the probe in it; keep a picture of the page; give what the probe found."""
    probed = page.with_name("probed.html")
    probed.write_text(page.read_text().replace("<head>", f"<head><script>{PROBE}</script>", 1))
    tab = browser.new_page(viewport={"width": width, "height": 1000})
    tab.goto(probed.as_uri())
    findings = json.loads(tab.wait_for_selector("#probe", state="attached", timeout=60_000).text_content())
    tab.goto(page.as_uri())
    for number in range(len(findings["plots"])):
        tab.wait_for_selector(f"svg.marks >> nth={number}")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    tab.screenshot(path=SCREENSHOTS / f"{page.parent.name}-{width}.png", full_page=True)
    tab.close()
    return findings


def sound(findings: dict[str, Any]) -> None:
    """Hold what is true of every page with Vega beside it."""
    assert findings["errors"] == []
    assert findings["note"] == ""
    assert all(script.startswith("file:") for script in findings["scripts"])
    assert [plot["id"] for plot in findings["plots"]] == ["learning_curves", "leaderboard", "confusion_of_the_best"]
    assert [plot["crowded"] for plot in findings["plots"]] == [[], [], []]
    assert all(image["width"] == 1160 and image["shown"] > 0.4 * findings["window"] for image in findings["images"])
    assert findings["size"][0] <= findings["window"]


def test_the_committed_report(browser: Any, pages: dict[str, Path]):
    findings = opened(browser, pages["own"])
    sound(findings)
    assert [plot["cut"] for plot in findings["plots"]] == [[], [], []]
    variants = len((ROOT / "reports/plots/leaderboard.csv").read_text().splitlines()) - 1
    curves, leaderboard, confusion = (plot["marks"] for plot in findings["plots"])
    assert curves["line"] == leaderboard["symbol"] == variants
    assert confusion["rect"] == confusion["text"] >= 10
    assert len(findings["images"]) == len(POLICIES)


def test_a_study_of_62_variants(browser: Any, pages: dict[str, Path]):
    findings = opened(browser, pages["study"])
    sound(findings)
    assert [plot["cut"] for plot in findings["plots"]] == [[], [], []]
    curves, leaderboard, confusion = findings["plots"]
    assert curves["marks"]["line"] == len(PUBLISHED) + 2 == 62
    assert leaderboard["marks"]["symbol"] == leaderboard["marks"]["rule"] + 1 == 62  # champion_10k's seeds are alike
    shown = [text for text in leaderboard["texts"] if text in STUDY.outcomes]
    assert shown[:62] == STUDY.leaderboard()
    assert "workspace: champion" in confusion["texts"]
    assert confusion["marks"]["rect"] == 13
    one_pool = [name for name in STUDY.outcomes if re.search("one_pool.*rotate", name)]
    assert findings["filtered"][0]["marks"]["line"] == len(one_pool) > 0


def test_two_revisions(browser: Any, pages: dict[str, Path]):
    findings = opened(browser, pages["two"])
    sound(findings)
    assert [plot["cut"] for plot in findings["plots"]] == [[], [], []]
    curves, leaderboard, confusion = findings["plots"]
    changed = sum(row.architecture == "one_pool" for row in PUBLISHED.values())
    assert curves["marks"]["line"] == 2 * changed + 1  # of what did not change nothing; champion_10k is gone
    assert leaderboard["marks"]["symbol"] == 62 + 61
    assert {"workspace", "HEAD"} <= set(curves["texts"]) & set(leaderboard["texts"])
    assert {"workspace: champion", "HEAD: champion"} <= set(confusion["texts"])
    assert len(findings["images"]) == 2 * len(POLICIES)


@pytest.mark.parametrize("width", [390, 1400])
def test_a_study_of_odd_figures(browser: Any, pages: dict[str, Path], width: int):
    """One epoch that ends at 92.8 %, two seeds, a name of 100 letters."""
    findings = opened(browser, pages["odd"], width)
    sound(findings)
    curves, leaderboard, _ = findings["plots"]
    assert curves["marks"]["symbol"] == 1  # the single epoch
    assert [words[:9] for words in leaderboard["cut"]] == ["one_pool-"]  # the name of 100 letters
    assert curves["cut"] == []
    assert len([words for words in leaderboard["texts"] if words.isdigit()]) >= 4


@pytest.mark.parametrize("width", [390, 1400])
def test_one_epoch_is_all_that_changed(browser: Any, pages: dict[str, Path], width: int):
    findings = opened(browser, pages["more"], width)
    sound(findings)
    curves, _, confusion = findings["plots"]
    assert (curves["marks"]["line"], curves["marks"]["symbol"]) == (0, 1)
    assert {"95.0", "98.0", "99.0"} <= set(curves["texts"])
    assert {"workspace: champion", "HEAD: champion"} <= set(confusion["texts"])
    assert [plot["cut"] for plot in findings["plots"]] == [[], [], []]


def test_without_vega_and_without_network_the_page_says_so(browser: Any, pages: dict[str, Path]):
    findings = opened(browser, pages["bare"])
    assert "make plots" in findings["note"]
    assert findings["plots"] == []
    assert len(findings["images"]) == len(POLICIES)
    assert sum(script.startswith("https:") for script in findings["scripts"]) == 3  # what DVC's own page asks for


def test_without_vega_beside_it_the_page_takes_what_dvc_takes(browser: Any, pages: dict[str, Path]):
    findings = opened(browser, pages["network"])
    assert len(findings["errors"]) == 3  # the files that are not beside it
    assert findings["note"] == ""
    assert findings["plots"][0]["marks"]["line"] > 0
    assert len(findings["plots"]) == 3
