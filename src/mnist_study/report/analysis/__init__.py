"""The statistics: intervals, effects, verdicts on the claims of the study."""
