"""Rules that schemas carry."""
