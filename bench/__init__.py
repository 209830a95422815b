"""Measures Closebell against the ceilings of its own tools, in one run: `python -m bench`."""
