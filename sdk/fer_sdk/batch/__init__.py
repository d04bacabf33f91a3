"""Labelling many photos: on all cores, resumed after a stop, or on a Ray cluster."""
