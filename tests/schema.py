"""JSON schemas of Kubernetes kinds, made strict."""

from __future__ import annotations

from typing import Any


def strict(schema: Any) -> Any:
    """The schema with every field that it doesn't name forbidden, as the API server prunes it."""
    if isinstance(schema, list):
        return [strict(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(inner) for key, inner in schema.items()}
    # Only a schema has `properties` that are schemas themselves; a property may bear that name.
    if isinstance(result.get("properties"), dict) and schema.get("type") == "object":
        result.setdefault("additionalProperties", False)
    return result
