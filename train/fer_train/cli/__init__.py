"""The `fer-train` command, one module per command or group of related commands."""
