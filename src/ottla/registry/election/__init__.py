"""How several instances of the registry agree on the one that writes.

They are members of one classic group of Kafka's, of protocol type `sr`, and tell each other who
they are in JSON, so that Confluent's and Karapace's instances may be among them. `elector` is what
the registry starts; `identity` and `assignment` are the words, `electing` and `standing` decide,
`lease` says for how long a leader may be sure of it, and `member` is the membership as the
client's thread drives it.
"""
