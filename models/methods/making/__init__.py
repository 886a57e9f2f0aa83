"""How the maps are made: what is chosen of a trace, and the passes that a map takes."""
