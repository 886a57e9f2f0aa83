"""The maps, each described in one file; `registry` finds them."""
