"""Keys for field encryption."""
