"""The KRaft quorum as a pure decider: a message or the time goes in, `Ready` comes out."""
