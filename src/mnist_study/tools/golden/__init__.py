"""Golden vectors: what the arithmetic gives for inputs made by a hash, kept in reference/arithmetic/."""
