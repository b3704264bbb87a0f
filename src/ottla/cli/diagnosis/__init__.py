"""Why a client can't connect or read: what `ottla doctor` looks at, in the order of its way.

`port.py` asks one socket what it speaks; `way.py` goes from a name to a node that answers, and to
all addresses that the cluster gives out; `topic.py` and `group.py` are about reading. Each is a row
of checks: what is well is yielded as a sentence, and the first `Cause` ends it, as what comes
behind a broken thing tells nothing. Nothing is changed anywhere.
"""
