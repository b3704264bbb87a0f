"""The errors that clients of a schema registry look at: one row a code, and who raises what.

Codes are those of the field (five digits, of which the first three are the HTTP status); the
sentences are ours.
"""

from __future__ import annotations

from ottla.web.operation import Refusal

SUBJECT_NOT_FOUND = 40401
VERSION_NOT_FOUND = 40402
SCHEMA_NOT_FOUND = 40403
SUBJECT_SOFT_DELETED = 40404
SUBJECT_NOT_SOFT_DELETED = 40405
VERSION_SOFT_DELETED = 40406
VERSION_NOT_SOFT_DELETED = 40407
CONFIG_NOT_FOUND = 40408
MODE_NOT_FOUND = 40409
ASSOCIATION_NOT_FOUND = 40410
KEY_NOT_FOUND = 40470
KEY_NOT_SOFT_DELETED = 40471
KEY_MUST_BE_UNDELETED = 40472
INCOMPATIBLE_SCHEMA = 40901
TOO_MANY_ASSOCIATIONS = 40902
RESOURCE_HAS_ASSOCIATION = 40903
SUBJECT_HAS_ASSOCIATION = 40904
SUBJECT_HAS_STRONG_ASSOCIATION = 40905
NO_ACTIVE_VERSION = 40907
ASSOCIATION_FROZEN = 40908
KEY_EXISTS = 40971
TOO_MANY_KEYS = 40972
INVALID_SCHEMA = 42201
INVALID_VERSION = 42202
INVALID_COMPATIBILITY_LEVEL = 42203
INVALID_MODE = 42204
OPERATION_NOT_PERMITTED = 42205
REFERENCE_EXISTS = 42206
ID_DOES_NOT_MATCH = 42207
INVALID_SUBJECT = 42208
SCHEMA_TOO_LARGE = 42209
INVALID_RULE_SET = 42210
CONTEXT_NOT_EMPTY = 42211
INVALID_ASSOCIATION = 42212
INVALID_KEY = 42271
KEY_IS_USED = 42272
STORE_FAILED = 50001
TOOK_TOO_LONG = 50002
FORWARDING_FAILED = 50003
UNKNOWN_LEADER = 50004


def refusal(code: int, text: str, *, hint: str | None = None) -> Refusal:
    """A refusal with one of the codes above; its status is the code's first three digits."""
    return Refusal(int(str(code)[:3]), code, text, hint=hint)


def no_subject(subject: str) -> Refusal:
    """There is no such subject."""
    return refusal(SUBJECT_NOT_FOUND, f"there is no subject {subject!r}")


def no_version(version: object) -> Refusal:
    """The subject has no such version."""
    return refusal(VERSION_NOT_FOUND, f"there is no version {version}")


def no_schema(what: object) -> Refusal:
    """There is no such schema."""
    return refusal(SCHEMA_NOT_FOUND, f"there is no schema {what}")


def not_permitted(text: str, *, hint: str | None = None) -> Refusal:
    """The mode of a subject forbids it."""
    return refusal(OPERATION_NOT_PERMITTED, text, hint=hint)
