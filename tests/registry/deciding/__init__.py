"""What requests come to, without a broker."""
