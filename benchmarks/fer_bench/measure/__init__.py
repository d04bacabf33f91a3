"""Measurements: latency, throughput, startup, accuracy, pipeline stages, operators."""
