"""Operations of the keys for field encryption."""

from __future__ import annotations

import time
from typing import NoReturn

from ottla.registry.api.ways import DELETED, LIMIT, OFFSET, PERMANENT, Ways
from ottla.registry.contracts import Json
from ottla.registry.deciding.decision import Decision
from ottla.registry.deciding.looking import page
from ottla.registry.instance import Instance
from ottla.registry.keys import asking, deciding
from ottla.registry.keys.ring import Line
from ottla.registry.refusals import INVALID_KEY, refusal
from ottla.registry.subjects import parsed
from ottla.web.operation import BOOLEAN, STRING, STRINGS, Operation, Request, Switch

PREFIXES = Switch("subjectPrefix", STRINGS, (), "KEKs of DEKs whose subjects begin so alone")
ALGORITHM = Switch("algorithm", STRING, "", "the algorithm of the DEK; AES256_GCM without it")
REWRAP = Switch("rewrap", BOOLEAN, False, "give a DEK that is there these bytes")
TEST_SHARING = Switch("testSharing", BOOLEAN, False, "false: shared KEKs are not served")

_KEKS = "/dek-registry/v1/keks"
_KEK = f"{_KEKS}/{{name}}"
_DEKS = f"{_KEK}/deks"
_DEK = f"{_DEKS}/{{subject}}"
_VERSIONS = f"{_DEK}/versions"
_VERSION = f"{_VERSIONS}/{{version}}"


def operations(ways: Ways) -> list[Operation]:
    """The rows."""
    return [*_of_keks(ways), *_of_deks(ways)]


def _of_keks(ways: Ways) -> list[Operation]:
    written = ways.keyed_write
    return [
        Operation(
            "GET", _KEKS, "getKekNames", "The names of KEKs", ways.keyed_list(_kek_names),
            (PREFIXES, DELETED, OFFSET, LIMIT), gives="Names",
        ),
        Operation(
            "POST", _KEKS, "createKek", "Make a KEK known", written(_create_kek), (TEST_SHARING,),
            takes="CreateKekRequest", gives="Kek", refuses=(40971, 40972, 42271),
        ),
        Operation(
            "GET", _KEK, "getKek", "A KEK", ways.keyed(_kek), (DELETED,), gives="Kek",
            refuses=(40470,),
        ),
        Operation(
            "PUT", _KEK, "putKek", "Change what is said of a KEK", written(_change_kek),
            (TEST_SHARING,), takes="UpdateKekRequest", gives="Kek", refuses=(40470, 42271),
        ),
        Operation(
            "DELETE", _KEK, "deleteKek", "Delete a KEK that no DEK needs", written(_delete_kek),
            (PERMANENT,), refuses=(40470, 40471, 42272), status=204,
        ),
        Operation(
            "POST", f"{_KEK}/undelete", "undeleteKek", "Take back that a KEK was softly deleted",
            written(_undelete_kek), refuses=(40470,), status=204,
        ),
        Operation(
            "POST", f"{_KEK}/test", "testKek", "Try a shared KEK: there are none here",
            ways.keyed(_test_kek), gives="Kek", refuses=(40470, 42271),
        ),
    ]  # fmt: skip


def _of_deks(ways: Ways) -> list[Operation]:
    written, made = ways.keyed_write, (40470, 40971, 40972, 42202, 42208, 42271)
    rows = [
        Operation(
            "GET", _DEKS, "getDekSubjects", "The subjects that a KEK has DEKs for",
            ways.keyed_list(_dek_subjects), (DELETED, OFFSET, LIMIT), gives="Names",
            refuses=(40470,),
        ),
        Operation(
            "POST", _DEKS, "createDek", "Keep a DEK", written(_create_dek), (REWRAP,),
            takes="CreateDekRequest", gives="Dek", refuses=made,
        ),
        Operation(
            "GET", _DEK, "getDek", "The first version of a DEK", ways.keyed(_dek),
            (ALGORITHM, DELETED), gives="Dek", refuses=(40470, 42271),
        ),
        Operation(
            "POST", _DEK, "createDekWithSubject", "Keep a DEK", written(_create_dek), (REWRAP,),
            takes="CreateDekRequest", gives="Dek", refuses=made,
        ),
        Operation(
            "GET", _VERSIONS, "getDekVersions", "The versions of a DEK", ways.keyed(_dek_versions),
            (ALGORITHM, DELETED, OFFSET, LIMIT), gives="Numbers", refuses=(40470, 42271),
        ),
        Operation(
            "GET", _VERSION, "getDekByVersion", "One version of a DEK", ways.keyed(_dek),
            (ALGORITHM, DELETED), gives="Dek", refuses=(40470, 42202, 42271),
        ),
    ]  # fmt: skip
    for path, name in ((_DEK, "DekVersions"), (_VERSION, "DekVersion")):
        what = "one version of a DEK" if path == _VERSION else "all versions of a DEK"
        rows += [
            Operation(
                "DELETE", path, f"delete{name}", f"Delete {what}", written(_delete_deks),
                (ALGORITHM, PERMANENT), refuses=(40470, 40471, 42202, 42271), status=204,
            ),
            Operation(
                "POST", f"{path}/undelete", f"undelete{name}",
                f"Take back that {what} went softly", written(_undelete_deks), (ALGORITHM,),
                refuses=(40470, 40472, 42202, 42271), status=204,
            ),
        ]  # fmt: skip
    return rows


def _now_ms() -> int:
    return int(time.time() * 1000)


def _line(instance: Instance, request: Request) -> Line:
    """What the versions of a DEK are counted for; a subject may borrow another's DEKs, not those
    that the other one borrows.
    """
    algorithm = asking.algorithm_of(request.query["algorithm"])
    return request.path["name"], _subject(instance, request.path["subject"]), algorithm


def _subject(instance: Instance, told: str) -> str:
    subject = str(parsed(told))
    alias = (instance.state.config(subject) or {}).get("aliasForDeks")
    return str(parsed(str(alias))) if alias else subject


# ---------------------------------------------------------------- KEKs


def _kek_names(instance: Instance, request: Request) -> list[str]:
    query = request.query
    found = deciding.kek_names(instance.ring, query["subjectPrefix"], deleted=query["deleted"])
    return page(found, query["offset"], query["limit"])


def _kek(instance: Instance, request: Request) -> Json:
    deleted = request.query["deleted"]
    return deciding.kek_of(instance.ring, request.path["name"], deleted=deleted).json()


def _check_not_shared(request: Request) -> None:
    if request.query["testSharing"]:
        raise refusal(
            INVALID_KEY,
            "testSharing=true tries a shared KEK, and those are not served: this registry asks no "
            "KMS",
            hint="leave testSharing out",
        )


def _create_kek(instance: Instance, request: Request) -> Decision:
    _check_not_shared(request)
    return deciding.create_kek(instance.ring, asking.new_kek(request.json()), _now_ms())


def _change_kek(instance: Instance, request: Request) -> Decision:
    _check_not_shared(request)
    change = asking.kek_change(request.json())
    return deciding.change_kek(instance.ring, request.path["name"], change, _now_ms())


def _delete_kek(instance: Instance, request: Request) -> Decision:
    permanent = request.query["permanent"]
    return deciding.delete_kek(
        instance.ring, request.path["name"], permanent=permanent, now_ms=_now_ms()
    )


def _undelete_kek(instance: Instance, request: Request) -> Decision:
    return deciding.undelete_kek(instance.ring, request.path["name"], _now_ms())


def _test_kek(instance: Instance, request: Request) -> NoReturn:
    kek = deciding.kek_of(instance.ring, request.path["name"], deleted=False)
    raise refusal(
        INVALID_KEY,
        f"KEK {kek.name!r} is not shared, and only a shared one could be tried: this registry "
        "asks no KMS",
    )


# ---------------------------------------------------------------- DEKs


def _dek_subjects(instance: Instance, request: Request) -> list[str]:
    query = request.query
    name = request.path["name"]
    found = deciding.dek_subjects(instance.ring, name, deleted=query["deleted"])
    return page(found, query["offset"], query["limit"])


def _dek_versions(instance: Instance, request: Request) -> list[int]:
    query = request.query
    line = _line(instance, request)
    found = deciding.dek_versions(instance.ring, line, deleted=query["deleted"])
    return page(found, query["offset"], query["limit"])


def _dek(instance: Instance, request: Request) -> Json:
    version = request.path.get("version", str(deciding.FIRST))
    deleted = request.query["deleted"]
    return deciding.dek_of(instance.ring, _line(instance, request), version, deleted=deleted).json()


def _create_dek(instance: Instance, request: Request) -> Decision:
    new = asking.new_dek(request.json(), request.path.get("subject"))
    new = new._replace(subject=_subject(instance, new.subject))
    rewrap = request.query["rewrap"]
    return deciding.create_dek(instance.ring, request.path["name"], new, _now_ms(), rewrap=rewrap)


def _delete_deks(instance: Instance, request: Request) -> Decision:
    return deciding.delete_deks(
        instance.ring,
        _line(instance, request),
        request.path.get("version"),
        permanent=request.query["permanent"],
        now_ms=_now_ms(),
    )


def _undelete_deks(instance: Instance, request: Request) -> Decision:
    line = _line(instance, request)
    return deciding.undelete_deks(instance.ring, line, request.path.get("version"), _now_ms())
