"""Sources of images: photos, video files and cameras."""
