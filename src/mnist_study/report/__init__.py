"""What the study came to: metrics, statistics, figures, the page."""
