"""params.yaml, checked and split into the files that the other stages read."""
