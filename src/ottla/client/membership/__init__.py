"""Members of groups, as pure machines (`ottla.client.machine`).

`classic` is a member of a classic group of any protocol type; `consumer_member` is a consumer in
such a group, with its assignors in `assignors/`; `modern` is a consumer in a group of KIP-848.
The two consumers have the same owner's side, which `events` describes.
"""
