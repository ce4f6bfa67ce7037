"""The web UI: who may do what, the form that forces builds, our part of the page."""
