"""Translations of what the server and the commands say (docs/decisions/two-languages.md)."""
