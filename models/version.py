"""The version of Fovea, for all that tells it."""

VERSION = "0.1.0"
