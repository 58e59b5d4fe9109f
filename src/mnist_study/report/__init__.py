"""What this run came to: metrics, statistics, figures, the page."""
