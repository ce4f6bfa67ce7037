"""QEMU guests: make an image, start, snapshot, stop a machine. It imports nothing of ours: usable alone."""
