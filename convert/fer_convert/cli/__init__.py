"""The `fer-convert` command; each module holds the subcommands of one topic."""
