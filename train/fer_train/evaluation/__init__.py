"""Predictions of trained models and their scores."""
