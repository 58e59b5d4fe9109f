"""What serves people at work; no stage uses it."""
