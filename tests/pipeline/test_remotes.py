"""What a worker pushes comes back from any remote: a folder, SSH from a real sshd, S3 from moto's server."""

import getpass
import importlib.util
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_study.core.errors import UserError
from mnist_study.tools.parallel.plan import Job, single
from mnist_study.tools.parallel.ray import worker
from tests.pipeline.test_pipeline import ONE
from tests.support.checkout import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.cluster]
JOB = Job(ONE, (single(f"train@{ONE}"), single(f"evaluate@{ONE}")))
SSHD = Path("/usr/sbin/sshd")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(command: list[str], port: int, log: Path) -> Iterator[None]:
    """Run a server while the block runs."""
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as server:
        try:
            end = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > end:
                        pytest.fail(log.read_text())
                    time.sleep(0.2)
            yield
        finally:
            server.terminate()


@contextmanager
def folder(checkout: Checkout, tmp_path: Path) -> Iterator[dict[str, str]]:
    yield {"url": str(tmp_path / "shared")}


@contextmanager
def ssh(checkout: Checkout, tmp_path: Path) -> Iterator[dict[str, str]]:
    if not SSHD.exists() or not importlib.util.find_spec("dvc_ssh"):
        pytest.skip("needs Debian's openssh-server and pip install -e '.[test-cluster]'")
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    port = free_port()
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/key.pub\n"
        "StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd shuts its unprivileged part in
    command = [str(SSHD), "-D", "-e", "-f", str(tmp_path / "sshd_config")]
    with serving(command, port, tmp_path / "sshd.log"):
        yield {
            "url": f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/shared",
            "keyfile": str(tmp_path / "key"),
            "allow_agent": "false",
        }


@contextmanager
def s3(checkout: Checkout, tmp_path: Path) -> Iterator[dict[str, str]]:
    if not importlib.util.find_spec("dvc_s3") or not importlib.util.find_spec("moto"):
        pytest.skip("needs pip install -e '.[test-cluster]'")
    port = free_port()
    with serving([sys.executable, "-m", "moto.server", "--port", str(port)], port, tmp_path / "moto.log"):
        options = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        make = f"import boto3; boto3.client('s3', **{options | keys}).create_bucket(Bucket='study')"
        subprocess.run([sys.executable, "-c", make], check=True)
        yield {
            "url": "s3://study/shared",
            "endpointurl": options["endpoint_url"],
            "region": options["region_name"],
            "access_key_id": "none",
            "secret_access_key": "none",
        }


@pytest.mark.parametrize("kind", [folder, ssh, s3])
def test_a_fresh_clone_restores_what_a_worker_pushed(
    kind, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with kind(checkout, tmp_path) as options:
        for option, value in options.items():
            word = ["add", "--local", "--default", "far", value] if option == "url" else ["modify", "--local", "far"]
            checkout.run("dvc", "remote", *word, *([option, value] if option != "url" else []))
        monkeypatch.chdir(checkout.folder)
        worker.push(JOB, "far")

        fresh = Checkout(tmp_path / "fresh", checkout.mnist)
        checkout.run("git", "clone", "--quiet", str(checkout.folder), str(fresh.folder))
        shutil.copy2(checkout.folder / ".dvc" / "config.local", fresh.folder / ".dvc")
        shutil.copytree(checkout.folder / "data", fresh.folder / "data")
        shutil.copytree(checkout.folder / "build", fresh.folder / "build")
        (fresh.folder / "dvc.lock").unlink()  # the run cache alone knows
        said = fresh.run("dvc", "repro", "--pull", "--single-item", f"train@{ONE}", f"evaluate@{ONE}").stdout
    assert len(re.findall("is cached - skipping run", said)) == 2
    assert "Running stage" not in said
    for path in (f"models/{ONE}/seed-0.safetensors", f"results/evaluation/{ONE}.json"):
        assert (fresh.folder / path).read_bytes() == (checkout.folder / path).read_bytes()


def test_a_remote_that_never_answers_is_tried_again_and_named(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    checkout.run("dvc", "remote", "add", "--local", "far", str(tmp_path / "file"))
    monkeypatch.chdir(checkout.folder)
    monkeypatch.setattr(worker, "PAUSES", (0.1,))
    with pytest.raises(UserError, match=r"^dvc push .* --remote far .*: exit status 255 after: .*ERROR: .*file"):
        worker.push(JOB, "far")
