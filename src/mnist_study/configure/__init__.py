"""Check params.yaml and write the files that the other stages read."""
