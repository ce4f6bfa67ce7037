"""A variant's build as it runs and ends: whatever dies, its worker, its guest or the master."""
