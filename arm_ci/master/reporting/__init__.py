"""Who is told about builds, and what."""
