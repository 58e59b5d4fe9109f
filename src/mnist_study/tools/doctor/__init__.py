"""`make doctor`: what is wrong with this checkout and its surroundings, each with the command that heals it."""
