"""Support code outside the public API: files, locks, native output, optional packages."""
