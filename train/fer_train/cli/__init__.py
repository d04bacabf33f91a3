"""The `fer-train` command, one module a group of subcommands."""
