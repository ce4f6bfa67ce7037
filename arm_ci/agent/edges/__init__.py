"""The edges of a build as they run: launchers, command lines, processes, stop signals."""
