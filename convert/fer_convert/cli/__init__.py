"""The `fer-convert` command, one module a subcommand."""
