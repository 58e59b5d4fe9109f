"""What the images are normalised with, and what an augmentation policy does to them."""
