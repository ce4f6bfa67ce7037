"""Will a build fit? Simulates builds from learned peaks, and says what would make them fit. Pure: values in and out."""
