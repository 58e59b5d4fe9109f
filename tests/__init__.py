"""The tests; each of their processes does linear algebra in one thread, for several share the cores."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported
