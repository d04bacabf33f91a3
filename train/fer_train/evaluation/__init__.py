"""Inference, cached predictions, scores, calibration, ensembles and plots."""
