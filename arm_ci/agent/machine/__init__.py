"""What of the machine the agent reads: its memory and limits, cgroups, processes, the kernel's log."""
