"""Import, check and sample the training data."""
