"""Face detectors: they find the boxes and landmarks of faces in an image."""
