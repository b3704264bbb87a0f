"""The shapes of the API's bodies and answers, as JSON Schemas by the names that rows use."""

from __future__ import annotations

from ottla.registry.contracts import (
    DOMAIN_MODES,
    ENABLED_AT,
    KINDS,
    MIGRATION_MODES,
    RULE_LISTS,
    Json,
)
from ottla.registry.deciding.association_requests import (
    CREATE,
    DELETE,
    KEY,
    LIFECYCLES,
    REQUESTS_MAX,
    TOPIC,
    UPSERT,
    VALUE,
)
from ottla.registry.keys.records import ALGORITHMS
from ottla.registry.settings import LEVELS, MODES, POLICIES

_TEXT: Json = {"type": "string"}
_FLAG: Json = {"type": "boolean"}
_NUMBER: Json = {"type": "integer", "format": "int32"}
_TEXTS: Json = {"type": "array", "items": _TEXT}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _many(name: str) -> Json:
    return {"type": "array", "items": _ref(name)}


def _object(properties: Json, *required: str) -> Json:
    """What a client may send: unknown fields are refused."""
    told: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**told, "required": list(required)} if required else told


def _rule(modes: tuple[str, ...]) -> Json:
    return _object(
        {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 64,
                "pattern": "^[A-Za-z_][A-Za-z0-9_\\- ]*$",
            },
            "doc": _TEXT,
            "kind": {"type": "string", "enum": list(KINDS)},
            "mode": {"type": "string", "enum": list(modes)},
            "type": {"type": "string", "minLength": 1},
            "tags": _TEXTS,
            "params": {"type": "object", "additionalProperties": _TEXT},
            "expr": _TEXT,
            "onSuccess": _TEXT,
            "onFailure": _TEXT,
            "disabled": _FLAG,
        },
        "name",
        "type",
    )


_RULES = {MIGRATION_MODES: "MigrationRule", DOMAIN_MODES: "DomainRule"}
_CONTRACT = {
    "schemaType": {"type": "string", "enum": ["AVRO", "JSON", "PROTOBUF"]},
    "references": _many("SchemaReference"),
    "metadata": _ref("Metadata"),
    "ruleSet": _ref("RuleSet"),
    "schema": _TEXT,
}
_ANSWERED = {
    **_CONTRACT,
    "guid": _TEXT,
    "schemaTags": _many("SchemaTags"),
    "ts": {"type": "integer", "format": "int64"},
    "deleted": _FLAG,
}
_PLACED = {**_ANSWERED, "subject": _TEXT, "version": _NUMBER}
_SETTINGS = {
    "alias": _TEXT,
    "aliasForDeks": _TEXT,
    "normalize": _FLAG,
    "validateFields": _FLAG,
    "validateNewSchemas": _FLAG,
    "validateRules": _FLAG,
    "compatibilityPolicy": {"type": "string", "enum": list(POLICIES)},
    "compatibilityGroup": _TEXT,
    "defaultMetadata": _ref("Metadata"),
    "overrideMetadata": _ref("Metadata"),
    "defaultRuleSet": _ref("RuleSet"),
    "overrideRuleSet": _ref("RuleSet"),
}
_LEVEL = {"type": "string", "enum": list(LEVELS)}

_LIFECYCLE = {"type": "string", "enum": list(LIFECYCLES)}
_KIND = {"type": "string", "enum": [KEY, VALUE]}
_RESOURCE = {
    "resourceName": _TEXT,
    "resourceNamespace": _TEXT,
    "resourceId": _TEXT,
    "resourceType": {"type": "string", "enum": [TOPIC]},
}
_NAMED_RESOURCE = {
    **_RESOURCE,
    "resourceName": {"type": "string", "minLength": 1},
    "resourceNamespace": {"type": "string", "minLength": 1},
}
_ASSOCIATED = {
    "subject": _TEXT,
    "associationType": _KIND,
    "lifecycle": _LIFECYCLE,
    "frozen": _FLAG,
}

_ALGORITHM = {"type": "string", "enum": list(ALGORITHMS)}
_KEK = {
    "kmsProps": {"type": "object", "additionalProperties": _TEXT},
    "doc": _TEXT,
    "shared": _FLAG,
}
_PRESENT = {"type": "string", "minLength": 1}
_SCHEMAS: list[Json] = [
    {
        "schema": '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}',
        "schemaType": "AVRO",
    },
    {
        "schema": '{"type":"object","properties":{"id":{"type":"integer"}}}',
        "schemaType": "JSON",
    },
    {
        "schema": 'syntax = "proto3"; message Order { int64 id = 1; }',
        "schemaType": "PROTOBUF",
    },
]

SHAPES: dict[str, Json] = {
    "Object": {"type": "object"},
    "Text": _TEXT,
    "Number": _NUMBER,
    "Names": _TEXTS,
    "Numbers": {"type": "array", "items": _NUMBER},
    "Schemas": _many("Schema"),
    "SchemaReference": _object(
        {
            "name": {"type": "string", "minLength": 1},
            "subject": {"type": "string", "minLength": 1},
            "version": {"type": "integer", "minimum": -1, "maximum": (1 << 31) - 1},
        },
        "name",
        "subject",
        "version",
    ),
    "Metadata": _object(
        {
            "tags": {"type": "object", "additionalProperties": _TEXTS},
            "properties": {"type": "object", "additionalProperties": _TEXT},
            "sensitive": _TEXTS,
        }
    ),
    "MigrationRule": _rule(MIGRATION_MODES),
    "DomainRule": _rule(DOMAIN_MODES),
    "RuleSet": _object(
        {
            **{group: _many(_RULES[modes]) for group, modes in RULE_LISTS.items()},
            "enableAt": {"type": "string", "enum": list(ENABLED_AT)},
        }
    ),
    "SchemaTags": _object(
        {
            "schemaEntity": _object(
                {
                    "entityPath": {"type": "string", "minLength": 1},
                    "entityType": {"type": "string", "enum": ["sr_record", "sr_field"]},
                },
                "entityPath",
                "entityType",
            ),
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1}},
        },
        "schemaEntity",
        "tags",
    ),
    "RegisterSchemaRequest": {
        **_object(
            {
                **_CONTRACT,
                "schema": {"type": "string", "minLength": 1},
                "id": {"type": "integer", "minimum": -1, "maximum": (1 << 31) - 1},
                "version": {"type": "integer", "minimum": -1, "maximum": (1 << 31) - 1},
                "schemaTagsToAdd": _many("SchemaTags"),
                "schemaTagsToRemove": _many("SchemaTags"),
                "propagateSchemaTags": _FLAG,
                # Of an answer that is sent back: not looked at.
                "subject": _TEXT,
                "guid": _TEXT,
                "deleted": _FLAG,
                "ts": {"type": "integer"},
                "schemaTags": _many("SchemaTags"),
            },
            "schema",
        ),
        "examples": _SCHEMAS,
    },
    "RegisterSchemaResponse": _object(
        {**_CONTRACT, "id": _NUMBER, "version": _NUMBER, "guid": _TEXT}, "id"
    ),
    "Schema": _object(
        {
            **_PLACED,
            "id": _NUMBER,
            "aliases": _TEXTS,
            "associations": _many("Association"),
        },
        "subject",
        "version",
        "id",
        "schema",
    ),
    "SchemaString": _object({**_PLACED, "maxId": _NUMBER}, "schema"),
    "SubjectVersions": {
        "type": "array",
        "items": _object({"subject": _TEXT, "version": _NUMBER}, "subject", "version"),
    },
    "ContextIds": {
        "type": "array",
        "items": _object({"context": _TEXT, "id": _NUMBER}, "context", "id"),
    },
    "TagSchemaRequest": _object(
        {
            "newVersion": {"type": "integer", "minimum": 1, "maximum": (1 << 31) - 1},
            "tagsToAdd": _many("SchemaTags"),
            "tagsToRemove": _many("SchemaTags"),
            "metadata": _ref("Metadata"),
            "ruleSet": _ref("RuleSet"),
            "rulesToMerge": _ref("RuleSet"),
            "rulesToRemove": _TEXTS,
        }
    ),
    "CompatibilityCheckResponse": _object(
        {"is_compatible": _FLAG, "messages": _TEXTS}, "is_compatible"
    ),
    "Config": _object({**_SETTINGS, "compatibilityLevel": _LEVEL}),
    "ConfigUpdateRequest": _object(
        {**_SETTINGS, "compatibility": _LEVEL, "compatibilityLevel": _LEVEL}
    ),
    "Mode": _object({"mode": {"type": "string", "enum": list(MODES)}}, "mode"),
    "Associations": _many("Association"),
    "Association": _object(
        {
            **_RESOURCE,
            **_ASSOCIATED,
            "resourceType": _TEXT,
            "associationType": _TEXT,
            "guid": _TEXT,
            "createTs": {"type": "integer", "format": "int64"},
            "updateTs": {"type": "integer", "format": "int64"},
        },
        "subject",
        "frozen",
    ),
    "AssociationInfo": _object({**_ASSOCIATED, "schema": {"type": "object"}}, "subject"),
    "AssociationResponse": _object(
        {**_RESOURCE, "associations": _many("AssociationInfo")}, "associations"
    ),
    "AssociationCreateOrUpdateInfo": _object(
        {**_ASSOCIATED, "schema": _ref("RegisterSchemaRequest"), "normalize": _FLAG}
    ),
    "AssociationCreateOrUpdateRequest": _object(
        {
            **_NAMED_RESOURCE,
            "associations": {**_many("AssociationCreateOrUpdateInfo"), "minItems": 1},
        },
        "resourceName",
        "resourceNamespace",
        "associations",
    ),
    "AssociationOp": _object(
        {
            "opType": {"type": "string", "enum": [CREATE, UPSERT, DELETE]},
            **_ASSOCIATED,
            "schema": _ref("RegisterSchemaRequest"),
            "normalize": _FLAG,
            "cascadeLifecycle": _FLAG,
            "async": _FLAG,
        },
        "opType",
    ),
    "AssociationOpRequest": _object(
        {**_NAMED_RESOURCE, "associations": {**_many("AssociationOp"), "minItems": 1}},
        "resourceName",
        "resourceNamespace",
        "associations",
    ),
    "AssociationBatchRequest": _object(
        {"requests": {**_many("AssociationOpRequest"), "minItems": 1, "maxItems": REQUESTS_MAX}},
        "requests",
    ),
    "AssociationGetRequest": _object(
        {
            **_RESOURCE,
            "associationTypes": {"type": "array", "items": _KIND},
            "lifecycle": _LIFECYCLE,
        }
    ),
    "AssociationBatchGetRequest": _object(
        {"requests": {**_many("AssociationGetRequest"), "minItems": 1, "maxItems": REQUESTS_MAX}},
        "requests",
    ),
    "AssociationBatchResponse": _object(
        {
            "results": {
                "type": "array",
                "items": _object(
                    {
                        "error": _object({"error_code": _NUMBER, "message": _TEXT}),
                        "result": _ref("AssociationResponse"),
                    }
                ),
            }
        },
        "results",
    ),
    "Kek": _object(
        {
            "name": _TEXT,
            "kmsType": _TEXT,
            "kmsKeyId": _TEXT,
            **_KEK,
            "ts": {"type": "integer", "format": "int64"},
            "deleted": _FLAG,
        },
        "name",
        "kmsType",
        "kmsKeyId",
    ),
    "CreateKekRequest": _object(
        {"name": _PRESENT, "kmsType": _PRESENT, "kmsKeyId": _PRESENT, **_KEK, "deleted": _FLAG},
        "name",
        "kmsType",
        "kmsKeyId",
    ),
    "UpdateKekRequest": _object(_KEK),
    "Dek": _object(
        {
            "kekName": _TEXT,
            "subject": _TEXT,
            "version": _NUMBER,
            "algorithm": _ALGORITHM,
            "encryptedKeyMaterial": _TEXT,
            "ts": {"type": "integer", "format": "int64"},
            "deleted": _FLAG,
        },
        "kekName",
        "subject",
        "version",
        "algorithm",
    ),
    "CreateDekRequest": _object(
        {
            "subject": _PRESENT,
            "version": {"type": "integer", "minimum": 1, "maximum": (1 << 31) - 1},
            "algorithm": _ALGORITHM,
            "encryptedKeyMaterial": {"type": "string", "format": "byte"},
            "deleted": _FLAG,
        }
    ),
    "ServerClusterId": {"type": "object", "required": ["scope", "id"]},
    "SchemaRegistryServerVersion": _object({"version": _TEXT, "commitId": _TEXT}, "version"),
    "SchemaRegistryDeployment": _object({"attributes": _TEXTS}, "attributes"),
    "Health": {"type": "object", "required": ["isLeader", "applied"]},
}
