"""One voter of a KRaft quorum, pure: a message and the time go in, `Ready` comes out. It is no
`Decider`: it decides about the log that those are replayed from.
"""
