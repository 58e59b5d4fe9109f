"""The normalisation of the images, and the contact sheet of an augmentation policy."""
