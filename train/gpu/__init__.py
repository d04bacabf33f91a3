"""Training within half an hour on a lent GPU without a network; README.md lists the commands."""
