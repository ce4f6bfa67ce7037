"""The part of arm_ci that runs on the worker: standard library only, Python 3.7 or newer."""
