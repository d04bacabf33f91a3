"""The subcommands of `fer`, a module each."""
