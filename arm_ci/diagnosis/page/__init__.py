"""The page about one verdict."""
