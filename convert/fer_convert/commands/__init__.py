"""The subcommands of `fer-convert`."""
