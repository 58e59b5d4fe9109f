"""Many networks at once, each to the bits of core/arithmetic: one batch of networks keeps a GPU busy, one does not.

`torch.func.vmap` makes of the reference's step one for many networks, and on a GPU it is replayed as a CUDA graph.
No stage depends on it: which processor trained changes no bit. On "cpu" the same code runs for the tests.
"""
