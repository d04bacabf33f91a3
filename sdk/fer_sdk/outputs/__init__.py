"""Output of results: annotated pictures and videos, CSV, JSON and Parquet files, timelines."""
