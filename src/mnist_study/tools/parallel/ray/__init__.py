"""The same on the machines of a Ray cluster; needs the extra `cluster`."""
