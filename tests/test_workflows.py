"""The workflows: pinned actions, few permissions, the Makefile's targets, and the comment that is written once."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.support import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.glob("*.yml"))


def jobs(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / name).read_text())["jobs"]


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in jobs(name).values() for step in job["steps"]]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_commit_with_the_version_beside(name: str):
    used = re.findall(r"uses: (.*)", (FOLDER / name).read_text())
    assert len(used) == sum("uses" in step for step in steps(name))
    for action in used:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("name", WORKFLOWS)
def test_what_runs_is_a_target_of_the_makefile(name: str):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    commands = [
        command for step in steps(name) for command in re.findall(r"make (?:--silent )?([a-z-]+)", step.get("run", ""))
    ]
    assert commands
    assert set(commands) <= targets
    assert not any("${{" in step.get("run", "") for step in steps(name))  # nobody's text becomes a command


def test_the_tests_are_those_of_ci():
    run = [step["run"] for step in steps("tests.yml") if "run" in step]
    assert run == [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make ")]


def test_code_of_a_branch_never_runs_where_comments_may_be_written():
    assert yaml.safe_load((FOLDER / "tests.yml").read_text())["permissions"] == {"contents": "read"}
    workflow = yaml.safe_load((FOLDER / "review.yml").read_text())
    assert workflow["permissions"] == {}
    assert jobs("review.yml")["review"]["permissions"] == {"contents": "read"}
    comment = jobs("review.yml")["comment"]
    assert comment["permissions"] == {"pull-requests": "write"}
    (step,) = comment["steps"]
    assert "run" not in step
    assert "${{" not in step["with"]["script"]


def test_the_job_that_publishes_pages_runs_no_code_of_the_repository():
    workflow = yaml.safe_load((FOLDER / "pages.yml").read_text())
    assert workflow["permissions"] == {}
    assert workflow[True] == {"push": {"branches": ["main"]}}  # YAML 1.1 takes `on` for true
    assert jobs("pages.yml")["site"]["permissions"] == {"contents": "read"}
    publish = jobs("pages.yml")["publish"]
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["uses"].partition("@")[0] for step in publish["steps"]] == ["actions/deploy-pages"]


@pytest.mark.skipif(not shutil.which("node"), reason="the comment's script is JavaScript")
@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ([], ["createComment", {"owner": "o", "repo": "r", "issue_number": 7}]),
        (
            [
                ("someone", "<!-- make review -->"),
                ("github-actions[bot]", "else"),
                ("github-actions[bot]", "<!-- make review -->\nold"),
            ],
            ["updateComment", {"owner": "o", "repo": "r", "comment_id": 3}],
        ),
    ],
)
def test_there_is_one_comment_which_is_brought_up_to_date(comments: list[tuple[str, str]], expected: list[Any]):
    listed = [
        {"id": number, "user": {"login": login}, "body": body} for number, (login, body) in enumerate(comments, start=1)
    ]
    program = f"""
        const done = (name) => async (given) => console.log(JSON.stringify([name, given]));
        const issues = {{ createComment: done("createComment"), updateComment: done("updateComment") }};
        const github = {{ rest: {{ issues }}, paginate: async () => {json.dumps(listed)} }};
        const context = {{ repo: {{ owner: "o", repo: "r" }}, issue: {{ number: 7 }} }};
        (async () => {{ {jobs("review.yml")["comment"]["steps"][0]["with"]["script"]} }})();
    """
    done = subprocess.run(
        [str(shutil.which("node")), "--eval", program], env={"PAGE": "## Review"}, capture_output=True, text=True
    )
    assert done.stderr == ""
    name, given = json.loads(done.stdout)
    assert given.pop("body") == "<!-- make review -->\n## Review"
    assert [name, given] == expected
