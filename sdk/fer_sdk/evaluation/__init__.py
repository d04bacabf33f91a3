"""FER2013, FER+ and classification metrics for the tools; the SDK itself does not use them."""
