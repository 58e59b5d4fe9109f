"""What the driver shows of the jobs on a cluster; the cluster itself is made up."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mnist_study.tools.parallel.display import Display
from mnist_study.tools.parallel.plan import Job

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


def test_news_of_a_job_that_has_ended_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from mnist_study.tools.parallel.ray import cluster  # ray is an extra

    first, second = jobs = [Job(name, (("repro", name),)) for name in ("first", "second")]
    news = iter([{"first": ("node", ""), "second": ("node", "")}, {"first": ("node", "{}")}])
    ends = iter([["task 1"], ["task 2"]])
    made_up = {
        "SECONDS": 0.0,
        "_beside": lambda: SimpleNamespace(remote=lambda: None),
        "_submit": lambda *_: {"task 1": first, "task 2": second},
        "_news": lambda board: next(news),
        "_end": lambda *_: None,
        "_tidy": lambda name: None,
    }
    for name, value in made_up.items():
        monkeypatch.setattr(cluster, name, value)
    monkeypatch.setattr(cluster.ray, "wait", lambda *_, **__: (next(ends), []))
    payload: Any = SimpleNamespace(name="none")
    assert cluster.run(jobs, payload, "remote", tmp_path, Display(jobs, tmp_path, tmp_path, None), print) == {}
    told = [line for line in capsys.readouterr().out.splitlines() if "started" in line]
    assert told == ["first: started on node", "second: started on node"]
    assert not list(tmp_path.iterdir())
