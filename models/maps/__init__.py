"""Maps: pure functions from captured tensors to values to draw. They depend on records and torch
only.
"""
