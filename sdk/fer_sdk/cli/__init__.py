"""The `fer` command, one module per subcommand."""
