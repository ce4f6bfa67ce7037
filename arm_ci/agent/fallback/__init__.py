"""Other ways to build an edge that does not fit alone."""
