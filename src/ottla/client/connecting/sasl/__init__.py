"""SASL on our side: mechanisms, who logs in, and the exchange with a node."""
