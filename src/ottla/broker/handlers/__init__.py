"""One file an API, named as its message's file in wire/messages/."""
