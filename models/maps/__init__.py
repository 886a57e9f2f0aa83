"""Maps: pure functions from captured tensors to what is drawn. They know records and torch only."""
