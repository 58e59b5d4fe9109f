"""The report's figures as SVG, one kind a file."""
