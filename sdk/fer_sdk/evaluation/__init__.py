"""Data sets and metrics that the tools share; the runtime does not use them."""
