"""Patch sets and patches that a person gives: choose, check, apply.

diffs.py reads diffs, paths.py judges and shows the paths in them, matching.py finds where they fit, transaction.py
writes; engine.py judges patch sets with them, and forced.py a person's patch. These run on workers too
(arm_ci/plan/archives.py packs them), so they import each other by relative names. series.py reads
patches/<project>/series.yaml. Nothing here imports anything else of arm_ci.
"""
