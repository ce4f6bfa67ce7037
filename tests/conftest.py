"""Imports that must come before `buildbot.test`, which turns every warning into an error."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import buildbot.util.ssl  # noqa: F401  (warns that Twisted will lose a name)
