"""Keys for field encryption: key encryption keys and the data keys that they encrypt.

Clients encrypt; the registry keeps what they need to decrypt: where each key encryption key (KEK)
is, which a KMS holds, and the data encryption keys (DEKs), encrypted by it. No plain key is ever
here, and no KMS is asked: `shared` KEKs, for which a registry would do that, are refused by name.
"""
