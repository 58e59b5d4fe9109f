"""`make study`: `dvc repro`, but several variants at once."""
