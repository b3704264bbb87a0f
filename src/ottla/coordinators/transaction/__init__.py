"""Transactions, in `__transaction_state`: one state a transactional id."""
