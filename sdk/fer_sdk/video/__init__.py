"""Expression recognition in streams of frames: tracking and temporal smoothing."""
