"""The version of Fovea, read by everything that reports it."""

VERSION = "0.1.0"
