"""Trainings side by side, and how they show themselves; changes no weight."""
