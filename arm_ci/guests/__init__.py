"""QEMU guests: make an image, start, snapshot, stop a machine. Imports nothing of ours, so that it can be used alone."""
