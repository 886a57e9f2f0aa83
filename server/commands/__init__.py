"""The commands of `fovea`, one module each: SUMMARY, `add` for its arguments, `run` for its work.

All modules are imported to show help, so heavy imports happen where they are used.
"""
