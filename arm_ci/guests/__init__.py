"""QEMU guests: make an image, start, snapshot, stop a machine. Usable alone: of ours only arm_ci.catalogue is used."""
