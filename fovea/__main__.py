"""`python -m fovea`: the command line (docs/cli.md)."""

from fovea.server.commands.cli import main

if __name__ == "__main__":
    main()
