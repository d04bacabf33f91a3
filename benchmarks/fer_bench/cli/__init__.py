"""The `fer-bench` command."""
