"""`make review`: what a branch changes, and whether a changed metric is more than noise."""
