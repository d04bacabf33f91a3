"""Model bundles: a model file, its sidecar, the shipped models, and their validation."""
