"""The way to a node: addresses, sockets, TLS, who we are, and the place where threads wait."""
