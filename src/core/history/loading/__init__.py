"""What is missing is asked for in batches, many at once and at the source's pace; each symbol is handed over when it is
whole."""
