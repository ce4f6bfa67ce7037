"""From findings and a report to a verdict."""
