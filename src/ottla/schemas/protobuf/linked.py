"""The descriptors of a schema and of all that it imports, for whoever reads data by them."""

from __future__ import annotations

from collections.abc import Sequence

from ottla._core import SchemaFault, read_protobuf
from ottla.schemas.language import Dependency
from ottla.schemas.protobuf.schema import _refused, _source


def linked_files(
    path: str, text: str, dependencies: Sequence[Dependency] = ()
) -> list[tuple[str, bytes]]:
    """Paths and serialized FileDescriptorProtos, each after those that it imports; the schema's
    own, which goes by `path`, comes last.

    Raises:
        InvalidSchema: with line and column, where a place in the text is at fault.
    """
    imports = [(one.name, _source(one.text)) for one in dependencies]
    read = read_protobuf(path, _source(text), imports)
    if isinstance(read, SchemaFault):
        raise _refused(read, path)
    return list(read.linked)
