"""Convert trained models for phones and boards, and prove them equal."""
