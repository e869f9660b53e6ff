"""Isolated machines: Docker and bubblewrap behind one protocol."""
