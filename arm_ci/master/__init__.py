"""The configuration as Buildbot's objects: builders, workers, schedulers, web UI."""

from arm_ci.master.configurator import ArmCi

__all__ = ["ArmCi"]
