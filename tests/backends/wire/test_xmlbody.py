"""XML of stores, hostile ones among them."""

from __future__ import annotations

import time
from xml.etree.ElementTree import tostring

import pytest

from backends import errors
from backends.wire import xmlbody

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


@pytest.mark.parametrize("before", ["", '<?xml version="1.0"?>', f"<!--{'x' * 300_000}-->"])
def test_a_bomb_is_refused_before_it_has_grown(before: str) -> None:
    def cpu(levels: int) -> float:
        entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(levels))
        bomb = f'{before}<!DOCTYPE a [<!ENTITY e0 "boom">{entities}]><a>&e{levels};</a>'
        started = time.process_time()
        with pytest.raises(errors.ServerFault):
            xmlbody.parse(bomb.encode())
        return time.process_time() - started

    # Grown, it would be ten million times as long, and a ten thousandth of that be felt.
    assert min(cpu(8) for _ in range(5)) < 20 * min(cpu(1) for _ in range(5)) + 0.01


@pytest.mark.parametrize(
    "content",
    [
        b"<a/>",
        b"\n <a>\n x<b/>tail <c>&lt;&#65;&amp;</c><!-- no --><?pi?></a>\n<!-- after -->",
        b'<a xmlns="urn:x" xmlns:y="urn:y" y:kind="1" plain="2"><y:b xml:lang="de">x</y:b></a>',
        b'<a xml:space="preserve"><xml:b> </xml:b></a>',
        b"<a><![CDATA[<!DOCTYPE x>]]></a>",
        b"<a>" + b"x" * 300_000 + "ü".encode() * 300_000 + b"</a>",
    ],
)
@pytest.mark.parametrize("declaration", [b"", b"<?xml version='1.0' encoding='UTF-8'?>\n"])
def test_both_parsers_read_the_same(declaration: bytes, content: bytes) -> None:
    # Before a comment nobody looks whether a document type follows.
    quick = xmlbody.parse(declaration + content.lstrip())
    careful = xmlbody.parse(declaration + b"<!-- -->" + content)
    assert tostring(quick) == tostring(careful)
    assert [element.tag for element in quick.iter()] == [each.tag for each in careful.iter()]


@pytest.mark.parametrize(
    "content",
    [
        b"<a>" + BOMB + b"</a>",
        b"<a/>" + BOMB,
        b"<a>&c;</a>",
        b'<?xml version="1.0" encoding="utf-8"?>' + BOMB.partition(b"?>")[2],
        b'<?xml version="1.0" encoding="utf-8"?>\n<a>\xff</a>',
        b'<?xml version="1.1"?><a/><b/>',
    ],
)
def test_nothing_with_a_document_type_reaches_the_quick_parser(content: bytes) -> None:
    with pytest.raises(errors.ServerFault):
        xmlbody.parse(content)


def test_another_encoding_is_read_as_what_it_says() -> None:
    content = '<?xml version="1.0" encoding="iso-8859-1"?><a>ü</a>'.encode("iso-8859-1")
    assert xmlbody.parse(content).text == "ü"


def test_what_is_sent_back_keeps_its_attributes() -> None:
    root = xmlbody.parse(b'<a xmlns="urn:x" xmlns:y="urn:y" y:kind="1" plain="2"><Status/></a>')
    again = xmlbody.parse(xmlbody.changed(root, "Status", "Enabled"))
    assert again.attrib == {"{urn:y}kind": "1", "plain": "2"}
    assert again.findtext("Status") == "Enabled"


def test_what_is_nested_too_deeply_to_be_sent_back_makes_no_sense() -> None:
    root = xmlbody.parse(b"<a>" * 5_000 + b"</a>" * 5_000)
    with pytest.raises(errors.ServerFault):
        xmlbody.changed(root, "Status", "Enabled")
