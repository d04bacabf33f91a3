"""Writing results: annotated pictures and videos, CSV, JSON, Parquet, timeline plots."""
