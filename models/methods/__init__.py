"""The maps, each described by itself in one file; `registry` finds them."""
