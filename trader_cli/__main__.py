"""`python -m trader_cli` is the same program as `trader`."""

from trader_cli.cli.main import main

if __name__ == "__main__":
    main()
