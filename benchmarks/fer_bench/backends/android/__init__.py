"""Measuring on a connected Android device, through adb."""
