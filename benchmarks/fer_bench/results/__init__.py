"""The JSON schema of a benchmark, its statistics, comparisons and data sets."""
