"""The statistics: intervals, effects, verdicts on the study's claims."""
