"""The report's figures as SVG, one kind per file."""
