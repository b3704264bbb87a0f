"""HTTP services of the platform."""
