"""A published study of tiny MNIST networks as a reproducible pipeline; `stages/` calls what is here."""
