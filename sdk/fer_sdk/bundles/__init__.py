"""Model bundles: model files, their sidecars, the shipped models, and validation."""
