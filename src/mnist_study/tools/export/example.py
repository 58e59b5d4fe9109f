"""Name what a picture shows: python example.py [picture]. Needs numpy, pillow and onnxruntime."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

here = Path(__file__).parent
images = json.loads((here / "images.json").read_text())
picture = Image.open(sys.argv[1] if len(sys.argv) > 1 else here / "example.png").convert("L")
pixels = np.asarray(picture.resize((images["side"], images["side"])), np.uint8)[None]  # white on black, as in MNIST
answers = []
for file in sorted(here.glob("seed-*.onnx")):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    answers.append(np.asarray(session.run(["probabilities"], {"images": pixels})[0])[0])
mean = np.mean(answers, axis=0)
print(f"{images['classes'][mean.argmax()]} ({100 * mean.max():.1f} %, the mean of {len(answers)} networks)")
