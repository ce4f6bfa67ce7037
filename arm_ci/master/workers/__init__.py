"""Workers: from the configuration to what Buildbot knows, how they connect, when one is not trusted any more."""
