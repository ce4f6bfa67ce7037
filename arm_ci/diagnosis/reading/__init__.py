"""From the bytes of a log to findings: the lines that count and what each means."""
