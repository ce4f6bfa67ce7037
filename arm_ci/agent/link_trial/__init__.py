"""One link, repeated with every linker and memory option of the machine."""
