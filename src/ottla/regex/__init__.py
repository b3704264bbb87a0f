"""Regular expressions of other languages than Python's, in a time that grows as the text does."""
