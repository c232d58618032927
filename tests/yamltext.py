"""YAML that the tests read: by libyaml where PyYAML has it, which takes a tenth of the time."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """The only document of a text.

    Raises:
        yaml.YAMLError: it is no YAML, or more than one document.
    """
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - either is a safe one


def load_all(text: str) -> list[Any]:
    """All documents of a text, empty ones too.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    return list(yaml.load_all(text, Loader=_LOADER))
