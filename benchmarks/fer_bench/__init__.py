"""Measure accuracy and latency of one file on one code path."""
