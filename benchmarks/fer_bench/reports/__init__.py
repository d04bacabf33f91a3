"""Benchmark results as text, tables, plots and HTML."""
