"""Reading images, video files and cameras."""
