"""Training on the processor with kernels that compute the same for several images at once; see README.md here."""

from mnist_study.train.engines.fast.engine import FastEngine, unsupported

__all__ = ["FastEngine", "unsupported"]
