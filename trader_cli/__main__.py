"""The way in, for `trader` and `python -m trader_cli`: nothing is imported before an interruption can be told from a fault."""

from __future__ import annotations


def main() -> None:
    """Run the program; end with one line and exit code 130 when interrupted while it still loads."""
    try:
        import os
        import sys

        from trader_cli.cli.ahead import refused

        if (code := refused(sys.argv[1:], os.environ)) is not None:
            os._exit(code)
        from trader_cli.cli.main import main as run

        run()
    except KeyboardInterrupt:
        import os

        os.write(2, b"interrupted: nothing was half written\n")
        os._exit(130)


if __name__ == "__main__":
    main()
