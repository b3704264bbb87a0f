"""The actions of `ottla schemas`, in the order in which they are told."""

from __future__ import annotations

from ottla.cli.verb.grammar import Actions
from ottla.cli.verb.schemas.checking import CHECK
from ottla.cli.verb.schemas.comparing import DIFF
from ottla.cli.verb.schemas.copying import EXPORT, IMPORT
from ottla.cli.verb.schemas.deleting import DELETE
from ottla.cli.verb.schemas.listing import LIST
from ottla.cli.verb.schemas.registering import REGISTER
from ottla.cli.verb.schemas.setting import LEVEL, MODE
from ottla.cli.verb.schemas.showing import SHOW

VERB = Actions(
    "schemas",
    "list, show, register, check, compare, delete, copy schemas of a registry",
    "list",
    {
        "describe": "did you mean show?",
        "get": "did you mean show?",
        "cat": "did you mean show?",
        "versions": "ottla schemas show SUBJECT --versions",
        "subjects": "did you mean list?",
        "ls": "did you mean list?",
        "create": "did you mean register?",
        "add": "did you mean register?",
        "put": "did you mean register?",
        "push": "did you mean register?",
        "validate": "ottla schemas check SUBJECT FILE",
        "test": "ottla schemas check SUBJECT FILE",
        "compare": "did you mean diff?",
        "rm": "did you mean delete?",
        "remove": "did you mean delete?",
        "backup": "did you mean export?",
        "dump": "did you mean export?",
        "restore": "did you mean import?",
        "config": "ottla schemas level SUBJECT FULL",
        "compatibility": "ottla schemas level SUBJECT FULL; ottla schemas check SUBJECT FILE",
        "schema": "ottla schemas show SUBJECT",
        "subject": "ottla schemas show SUBJECT",
        "start": "ottla registry serves a registry; ottla up --registry a node with one",
    },
)
for _action in (LIST, SHOW, REGISTER, CHECK, DIFF, DELETE, EXPORT, IMPORT, LEVEL, MODE):
    VERB.add(_action)
