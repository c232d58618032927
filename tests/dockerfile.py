"""A Dockerfile as data: just as much of its syntax as ours uses."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    name: str
    flags: tuple[str, ...]
    """Its options as they stand there, such as `--from=build`."""
    value: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.value)

    @property
    def pairs(self) -> dict[str, str]:
        """What an ENV, ARG or LABEL sets."""
        return dict(word.split("=", 1) for word in self.words)

    @property
    def exec_form(self) -> list[str]:
        """The words of an ENTRYPOINT or CMD; ValueError if a shell would be needed."""
        words: list[str] = json.loads(self.value)
        return words


@dataclass(frozen=True)
class Stage:
    base: str
    name: str
    instructions: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        return [found for found in self.instructions if found.name == name]

    def one(self, name: str) -> Instruction:
        (found,) = self.all(name)
        return found

    def merged(self, name: str) -> dict[str, str]:
        """What all instructions of that name set together."""
        return {key: value for found in self.all(name) for key, value in found.pairs.items()}


def parse(path: Path) -> list[Stage]:
    """The stages of a Dockerfile; anything before the first FROM is an error."""
    stages: list[Stage] = []
    for instruction in _instructions(path.read_text()):
        if instruction.name == "FROM":
            base, *rest = instruction.words
            stages.append(Stage(base, rest[1] if rest else "", ()))
        else:
            last = stages.pop()
            stages.append(Stage(last.base, last.name, (*last.instructions, instruction)))
    return stages


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    for line in joined.splitlines():
        name, rest = line.split(None, 1)
        flags = []
        while found := re.match(r"(--\S+)\s+", rest):
            flags.append(found[1])
            rest = rest[found.end() :]
        yield Instruction(name.upper(), tuple(flags), rest)
