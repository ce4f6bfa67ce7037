"""arm_ci: continuous integration for huge C++ projects on small ARM machines."""

__version__ = "0.2.0"
