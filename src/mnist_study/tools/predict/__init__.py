"""`mnist-study predict`: the digit in a photo or drawing, named by a variant's networks."""
