"""XML as S3 stores speak it, written and read by libraries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

import defusedxml
from defusedxml.ElementTree import ParseError, fromstring

from backends.errors import ServerFault

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")


def document(root: str, fields: Mapping[str, str | int]) -> bytes:
    """``<root><name>value</name>…</root>``, encoded."""
    element = Element(root)
    for name, value in fields.items():
        SubElement(element, name).text = str(value)
    encoded: bytes = tostring(element, encoding="utf-8")
    return encoded


def changed(root: Element, name: str, value: str) -> bytes:
    """What :func:`parse` gave, with one child's text set, encoded; the others stay."""
    child = root.find(name)
    if child is None:
        child = SubElement(root, name)
    child.text = value
    encoded: bytes = tostring(root, encoding="utf-8")
    return encoded


def parse(content: bytes) -> Element:
    """An answer's root element, with the namespaces dropped from the names.

    Raises:
        ServerFault: it isn't XML, or it has a document type (which no S3 answer has).
    """
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, defusedxml.DefusedXmlException, ValueError, LookupError) as error:
        raise ServerFault("The store's answer is not the XML that was expected.") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def error(content: bytes) -> tuple[str, str]:
    """Code and message of an S3 error; empty strings where it isn't one."""
    try:
        root = parse(content)
    except ServerFault:
        return "", ""
    if root.tag != "Error":
        return "", ""
    code = (root.findtext("Code") or "").strip()
    return (code if _CODE.fullmatch(code) else ""), (root.findtext("Message") or "")
