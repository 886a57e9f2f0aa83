"""Running a network with edits: validated, planned and applied."""
