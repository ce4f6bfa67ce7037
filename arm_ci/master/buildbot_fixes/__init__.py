"""Private things of Buildbot that we replace or call."""
