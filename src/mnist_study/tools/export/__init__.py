"""`mnist-study export`: a variant's networks for use elsewhere."""
