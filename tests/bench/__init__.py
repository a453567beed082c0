"""Hexastar measured against its peers and against itself: `python -m tests.bench [row …]`."""
