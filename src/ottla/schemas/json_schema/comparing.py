"""Whether a reader reads what a writer wrote, as the field's registries answer and as it is.

Two judges are asked. **Ours** (`claims.py`) walks down both schemas and holds every keyword of the
reader against the writer's; where it finds nothing, that is a proof, but for what is named below.
**The engine** (jsonschema-rs) is asked only where ours found something: it multiplies out what ours
does not (a narrower limit in a branch that nothing reaches, a pattern within another), and where it
proves that the reader covers the writer, nothing is wrong, whatever kinds ours has words for. An
engine that does not know, or a question too big for it, leaves our findings as they are. So what is
refused has a path and a reason, and what is accepted has a proof by one of the two.

Three rules of the field are not what the documents say, and we follow the field, for its users'
schemas evolve by them:

- A property that becomes required is let pass if it has a default (laxer: a validator refuses a
  document without it).
- Schemas may be added to a oneOf though a document may then be valid under two of them (laxer).
- Formats are not compared, since they are not asserted (see `linking.py`).

The content models are no exception: under STRICT, which is what registries do unless they are told
otherwise, a property with a schema can't be added to an open model, because a writer may already
have written anything there. LENIENT is laxer and lets such properties come and go, but for those
that a closed reader would refuse.

Where the field is stricter than documents are (it counts the branches of combined schemas, and
compares what can't be reached), the proof counts.
"""

from __future__ import annotations

from ottla.schemas.json_schema import engine
from ottla.schemas.json_schema.arrays import check_arrays
from ottla.schemas.json_schema.claims import Claims, TooMuch
from ottla.schemas.json_schema.combined import (
    check_condition,
    check_not,
    check_sums,
    check_unevaluated,
)
from ottla.schemas.json_schema.kinds import difference
from ottla.schemas.json_schema.linking import Linked
from ottla.schemas.json_schema.objects import check_objects
from ottla.schemas.json_schema.scalars import check_numbers, check_text, check_type, check_values
from ottla.schemas.language import UNDECIDED, Difference

CHECKS = (
    check_type,
    check_values,
    check_text,
    check_numbers,
    check_objects,
    check_arrays,
    check_sums,
    check_not,
    check_condition,
    check_unevaluated,
)


def unreadable(
    reader: Linked, writer: Linked, *, strict: bool, lax: set[str] | None = None
) -> tuple[Difference, ...]:
    """Why the reader can't read what the writer wrote; empty when it can.

    `lax` is given the names of the rules above that something passed by.
    """
    if reader.dynamic or writer.dynamic:
        return (difference("DYNAMIC_REFERENCE", "#"),)
    nodes = engine.count(reader.root) + engine.count(writer.root)
    claims = Claims(CHECKS, lenient=not strict, nodes=nodes)
    try:
        found = claims.unread(claims.writer(writer.root), reader.root, "#")
    except (TooMuch, RecursionError):  # The second where the caller stands deep already.
        found = (difference(UNDECIDED, "#"),)
    if lax is not None:
        lax |= claims.lax
    if found and engine.covers(reader.root, writer.root):
        return ()
    return found
