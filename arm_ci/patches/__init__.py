"""Patch sets: choose, check, apply. engine.py judges and writes, series.py reads patches/<project>/series.yaml.

Imports nothing else of arm_ci.
"""
