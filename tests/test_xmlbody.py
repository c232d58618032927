"""XML of stores, hostile ones among them."""

from __future__ import annotations

import pytest

from backends import errors, xmlbody

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>"""
EXTERNAL = (
    b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"""
)


def test_values_are_encoded() -> None:
    value = "</Secret><Role>admin</Role>&amp;\"'"
    content = xmlbody.document("Account", {"Access": "user", "Secret": value, "UserID": 7})
    root = xmlbody.parse(content)
    assert [element.tag for element in root] == ["Access", "Secret", "UserID"]
    assert root.findtext("Secret") == value


@pytest.mark.parametrize(
    "content", [b"", b"not xml", b"<a>", b"\xff\xfe", b"<a/><b/>", BOMB, EXTERNAL, b"<a>\x00</a>"]
)
def test_what_is_not_plain_xml_is_an_answer_that_makes_no_sense(content: bytes) -> None:
    with pytest.raises(errors.ServerFault):
        xmlbody.parse(content)
    assert xmlbody.error(content) == ("", "")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"<Error><Code>NoSuchBucket</Code><Message>gone</Message></Error>",
            ("NoSuchBucket", "gone"),
        ),
        (b'<Error xmlns="urn:x"><Code>A.B</Code></Error>', ("A.B", "")),
        (b"<Other><Code>NoSuchBucket</Code></Other>", ("", "")),
        (b"<Error><Code>no such bucket!</Code></Error>", ("", "")),
        (b"<Error/>", ("", "")),
    ],
)
def test_an_s3_error_is_read_by_its_code(content: bytes, expected: tuple[str, str]) -> None:
    assert xmlbody.error(content) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_long_list_is_read_whole(encoding: str) -> None:
    names = [f"ü{number}" for number in range(20_000)]
    users = "".join(f"<User><Name>{name}</Name></User>" for name in names)
    text = f'<?xml version="1.0" encoding="{encoding}"?><List xmlns="urn:x">{users}</List>'
    root = xmlbody.parse(text.encode(encoding))
    assert root.tag == "List"
    assert [user.findtext("Name") for user in root.iter("User")] == names


def test_a_bomb_is_refused_before_it_has_grown() -> None:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12))
    bomb = f'<!DOCTYPE a [<!ENTITY e0 "boom">{entities}]><a>&e12;</a>'
    with pytest.raises(errors.ServerFault):
        xmlbody.parse(bomb.encode())
