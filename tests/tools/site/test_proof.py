"""The proof's images and hashes are the same in Python and in JavaScript, and as docs/site.md has them."""

import base64
import hashlib
import json
import shutil
import subprocess

import pytest
import torch

from mnist_study import architectures
from mnist_study.core.arithmetic import network, optimiser, scoring
from mnist_study.evaluate import proof
from mnist_study.tools.golden.trainings import NETWORKS
from mnist_study.tools.site.network import describe
from tests.support import ROOT

ASSETS = ROOT / "src/mnist_study/tools/site/assets"
MEAN, SD = 0.1307, 0.3081
RUN = f"""
const load = (name) => require({json.dumps(str(ASSETS))} + "/" + name);
globalThis.scorer = load("scorer.js");
globalThis.sha256 = load("sha256.js");
const proof = load("proof.js");
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify({{
  digests: given.texts.map((text) => sha256.hex(sha256.digest(Buffer.from(text, "base64")))),
  images: Array.from({{ length: given.images }}, (_, i) => Buffer.from(proof.image(i, given.side)).toString("base64")),
  hashes: given.networks.map((network) => proof.hash(scorer.prepare(network), given.side)),
}}));
"""
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which comes with npm")


def in_javascript(**given: object) -> dict[str, list[str]]:
    whole = {"texts": [], "images": 0, "networks": [], "side": 28} | given
    done = subprocess.run(["node", "-e", RUN], input=json.dumps(whole), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def own_hash(model: torch.nn.Sequential) -> str:
    return proof.sha256(scoring.logits(network.read(model), proof.images(28), MEAN, SD))


@needs_node
def test_sha256_is_that_of_the_standard():
    texts = [bytes(range(256)), *(b"x" * length for length in range(130))]
    told = in_javascript(texts=[base64.b64encode(text).decode() for text in texts])
    assert told["digests"] == [hashlib.sha256(text).hexdigest() for text in texts]


@needs_node
@pytest.mark.parametrize("side", [28, 13])
def test_both_make_the_same_images(side: int):
    told = in_javascript(images=proof.IMAGES, side=side)
    assert [base64.b64decode(image) for image in told["images"]] == [
        image.numpy().tobytes() for image in proof.images(side)
    ]


def test_an_image_is_blocks_of_hashes():
    images = proof.images(28)
    assert bytes(images[4].flatten()[32:64].tolist()) == hashlib.sha256(b"mnist-study proof 4 1").digest()
    assert images[0].double().mean() == pytest.approx(127.5, abs=10)
    assert (images[1::2] == 0).double().mean() == pytest.approx(0.75, abs=0.02)
    assert set(images[1][images[1] > 0].tolist()) <= set(range(192, 256))


@needs_node
def test_both_give_the_same_hash_of_every_architecture():
    expected, described = [], []
    for name, options in NETWORKS.values():
        model = architectures.build(name, **options).eval()
        optimiser.initialise(model, 1)
        expected.append(own_hash(model))
        described.append(describe(model, MEAN, SD))
    assert in_javascript(networks=described)["hashes"] == expected
    assert len(set(expected)) == len(expected)


def test_another_bias_is_another_hash():
    model = architectures.build("two_pool").eval()
    optimiser.initialise(model, 0)
    before = own_hash(model)
    bias = next(layer.bias for layer in reversed(model) if isinstance(layer, torch.nn.Linear))
    bias.data[0] += 2.0**-12  # a last bit may be rounded away in the logit
    assert own_hash(model) != before
