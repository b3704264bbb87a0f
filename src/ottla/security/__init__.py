"""Who asks, what they may do, and who says so. Pure: no sockets, no clock, no policy of its own."""
