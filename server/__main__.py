"""`python -m server`: the same as `fovea serve`."""

from server.cli import main

if __name__ == "__main__":
    main(["serve"])
