"""What starts builds without a person at the page: commits, the night, `buildbot try`, GitHub."""
