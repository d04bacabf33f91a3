"""The `fer` command, one module a subcommand."""
