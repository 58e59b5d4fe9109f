"""`mnist-study sweep`: choose a recipe on held-out training images; test images are never read.

The plan is a params.yaml, and `trials`: a name for each set of changes to it, by key. Every variant is trained in every
trial. A row for each goes to the CSV beside the plan as soon as it is there; started again, a sweep goes on where it
was. Each row has a hash of what was trained: rows of a trial that was edited since are refused. DVC has no part in
it: what is only tried out needs no cache.

`halving` in the plan saves the time of bad trials: [2, 4, 8] trains every trial with the first two seeds, the better
half with the next two as well, the better half of these with eight (successive halving: Jamieson and Talwalkar,
arXiv:1502.07943). Then each seed holds out images of its own, so that no set of them decides alone. [8] does that
with eight seeds of every trial.
"""
