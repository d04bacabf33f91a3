"""Faces in a stream of frames: tracking and temporal smoothing."""
