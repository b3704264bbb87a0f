"""The serializers and the client of a registry."""
