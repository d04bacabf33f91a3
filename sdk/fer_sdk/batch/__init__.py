"""Batch processing of photo folders: in one process, in several, or on a Ray cluster."""
