"""`make gpu-check`: whether a GPU gives the bytes of a processor, and how fast; it needs torch and numpy only."""
