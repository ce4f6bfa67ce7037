"""QEMU guests: make an image, start, snapshot and stop a machine. It imports nothing of ours, so that it can be used alone."""
