"""Running a network with something changed: edits are checked, planned and made."""
