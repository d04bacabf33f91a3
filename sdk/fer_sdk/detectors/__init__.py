"""Face detectors: an image in, boxes and landmarks out."""
