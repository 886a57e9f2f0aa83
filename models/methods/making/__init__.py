"""Computes the maps: selects from a trace, and runs the passes that a map requires."""
