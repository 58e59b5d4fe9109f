"""One seed of one variant, from its recipe to its weights: an edit here retrains every variant."""
