"""What the stages left, as data: outcomes of the variants, metrics, missed images."""
