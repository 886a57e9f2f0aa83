"""Vision networks and what they attend to: torch only, no HTTP."""
