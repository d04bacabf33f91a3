"""What a run trains on: import, targets, augmentations and recipes."""
