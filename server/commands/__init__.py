"""The commands of `fovea`, one a module: SUMMARY, `add` for its arguments, `run` for its work.

A module here is imported to show help, so what is heavy is imported where it is used.
"""
