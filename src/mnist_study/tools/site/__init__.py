"""Trained networks outside Python: what a browser needs to compute their logits to the bit."""
