"""`python -m tests.fer`: the `fer` command of this checkout."""

from fer_sdk.cli.main import main

if __name__ == "__main__":
    main()
