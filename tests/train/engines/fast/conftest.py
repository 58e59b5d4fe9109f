import pytest
import torch

from mnist_study.train.engines.fast import kernel


@pytest.fixture(scope="module")
def checked_kernels():
    """Let kernels check the sizes that they are given."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_STUDY_DEBUG", "1")
        kernel.target.cache_clear()
        yield
    kernel.target.cache_clear()
