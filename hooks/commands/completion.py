"""Shell completion, written from the parser itself: `completion bash`, `zsh` and `fish`.

The scripts are complete in themselves: no program is started at a press of the tab key. Only
kubectl does that, by a name of its own: `kubectl_complete-s3_resource_operator`.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PROGRAM = "s3-resource-operator"
PLUGIN = "kubectl-s3_resource_operator"
_FILES = frozenset({"FILE", "PATH"})
# What kubectl takes for "no file names", behind the last line of an answer.
_NO_FILES = ":4"
_FILES_TOO = ":0"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command.

    Args:
        names: `-o` and `--output`.
        about: its help.
        choices: the words that it takes; None if it takes none from a list.
        value: what its value is called; empty if it takes none.
        repeats: whether it may be given more than once.
    """

    names: tuple[str, ...]
    about: str
    choices: tuple[str, ...]
    value: str
    repeats: bool

    @property
    def takes_file(self) -> bool:
        """Whether its value is the name of a file."""
        return self.value in _FILES


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its options, and the words that it takes itself."""

    name: str
    about: str
    options: tuple[Option, ...]
    words: tuple[str, ...] = ()


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to an argument parser's subparsers."""
    parser = commands.add_parser(
        "completion",
        help="print what makes a shell complete the commands",
        description="Prints a script for the shell, for `source <(s3-resource-operator completion "
        "bash)` and the like.",
    )
    parser.add_argument("shell", choices=sorted(_SCRIPTS))


def run(parser: argparse.ArgumentParser, shell: str) -> int:
    """Prints the script and returns the exit code."""
    print(_SCRIPTS[shell](_commands(parser)), end="")
    return 0


def candidates(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """What may stand in the place of the last word, as cobra's programs answer kubectl.

    Args:
        parser: the program's.
        words: behind the program's name; the last is the unfinished one.

    Returns:
        One line each, with an explanation behind a tab, and the directive in the last.
    """
    *before, last = words or [""]
    commands = {command.name: command for command in _commands(parser)}
    name = next((word for word in before if word in commands), None)
    if name is None:
        found = [f"{command.name}\t{command.about}" for command in commands.values()]
        return [*_starting(found, last), _NO_FILES]
    command = commands[name]
    options = {each: option for option in command.options for each in option.names}
    asking = options.get(before[-1])
    if asking is not None and asking.value:
        directive = _FILES_TOO if asking.takes_file else _NO_FILES
        return [*_starting(asking.choices, last), directive]
    if last.startswith("-"):
        found = [f"{each}\t{option.about}" for each, option in options.items()]
        return [*_starting(found, last), _NO_FILES]
    return [*_starting(command.words, last), _NO_FILES]


def _starting(words: Sequence[str], start: str) -> list[str]:
    return [word for word in words if word.startswith(start)]


def _commands(parser: argparse.ArgumentParser) -> list[Command]:
    """The program's commands, as argparse has them."""
    found = []
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        about = {each.dest: each.help or "" for each in action._choices_actions}
        for name, command in action.choices.items():
            actions = command._actions
            positional = [each for each in actions if not each.option_strings]
            words = [str(word) for each in positional for word in each.choices or ()]
            options = [_option(each) for each in actions if each.option_strings]
            found.append(Command(name, about.get(name, ""), tuple(options), tuple(words)))
    return found


def _option(action: argparse.Action) -> Option:
    takes = action.nargs != 0
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return Option(
        names=tuple(action.option_strings),
        about=(action.help or "").replace("%%", "%"),
        choices=tuple(str(choice) for choice in action.choices or ()),
        value=metavar if takes else "",
        repeats=isinstance(action, argparse._AppendAction),
    )


def _bash(commands: Sequence[Command]) -> str:
    cases = []
    for command in commands:
        values = []
        for option in command.options:
            if not option.value:
                continue
            if option.takes_file:
                reply = "compopt -o default; COMPREPLY=(); return"
            else:
                reply = f"words={shlex.quote(' '.join(option.choices))}"
            values.append(f"                {'|'.join(option.names)}) {reply} ;;")
        names = " ".join(name for option in command.options for name in option.names)
        words = " ".join(command.words)
        cases.append(
            "\n".join(
                [
                    f"        {command.name})",
                    f"            words={shlex.quote(words)}",
                    f"            [[ $current == -* ]] && words={shlex.quote(names)}",
                    '            case "$previous" in',
                    *values,
                    "                *) ;;",
                    "            esac",
                    "            ;;",
                ]
            )
        )
    names = " ".join(command.name for command in commands)
    each = "|".join(command.name for command in commands)
    return f"""# bash completion of {PROGRAM}
_s3_resource_operator() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local command="" word words=""
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
        case "$word" in
            {each}) command=$word; break ;;
        esac
    done
    case "$command" in
        "") words={shlex.quote(names + " --help --version")} ;;
{chr(10).join(cases)}
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -F _s3_resource_operator {PROGRAM} {PLUGIN}
"""


def _zsh(commands: Sequence[Command]) -> str:
    cases = []
    for command in commands:
        specs = []
        for option in command.options:
            value = ""
            if option.value:
                words = f"({' '.join(option.choices)})" if option.choices else " "
                value = f":{option.value.lower()}:{'_files' if option.takes_file else words}"
            again = "*" if option.repeats else ""
            specs += [f"{again}{name}[{_zsh_text(option.about)}]{value}" for name in option.names]
        if command.words:
            specs.append(f"1:word:({' '.join(command.words)})")
        arguments = " ".join(shlex.quote(spec) for spec in specs)
        cases.append(f"        {command.name}) _arguments {arguments} ;;")
    names = " ".join(
        shlex.quote(f"{command.name}:{command.about.replace(':', ' -')}") for command in commands
    )
    return f"""#compdef {PROGRAM} {PLUGIN}
# zsh completion of {PROGRAM}
_s3_resource_operator() {{
    local -a commands=({names})
    local curcontext="$curcontext" state line
    _arguments -C '--help[show the help]' '--version[show the version]' \\
        '1: :->command' '*:: :->rest'
    case "$state" in
        command) _describe command commands ;;
        rest)
            case "$line[1]" in
{chr(10).join("        " + case for case in cases)}
            esac
            ;;
    esac
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _s3_resource_operator "$@"
else
    compdef _s3_resource_operator {PROGRAM} {PLUGIN}
fi
"""


def _zsh_text(text: str) -> str:
    for char in "\\[]:":
        text = text.replace(char, f"\\{char}")
    return text


def _fish(commands: Sequence[Command]) -> str:
    lines = [f"# fish completion of {PROGRAM}"]
    for program in (PROGRAM, PLUGIN):
        start = ["complete", "-c", program]
        lines.append(shlex.join([*start, "-f"]))
        for command in commands:
            new = [*start, "-n", "__fish_use_subcommand", "-a", command.name]
            lines.append(_fish_join([*new, "-d", command.about]))
            inside = [*start, "-n", f"__fish_seen_subcommand_from {command.name}"]
            if command.words:
                lines.append(_fish_join([*inside, "-a", " ".join(command.words)]))
            for option in command.options:
                line = list(inside)
                for name in option.names:
                    line += ["-l", name[2:]] if name.startswith("--") else ["-s", name[1:]]
                if option.value:
                    line += ["-r", "-F"] if option.takes_file else ["-x"]
                if option.choices:
                    line += ["-a", " ".join(option.choices)]
                lines.append(_fish_join([*line, "-d", option.about]))
    return "\n".join(lines) + "\n"


def _fish_join(words: Sequence[str]) -> str:
    """Quoted as fish reads it: a backslash before what would end the quotes, and nothing else."""
    quoted = []
    for word in words:
        escaped = word.replace("\\", "\\\\").replace("'", "\\'")
        quoted.append(f"'{escaped}'")
    return " ".join(quoted)


_SCRIPTS: dict[str, Callable[[Sequence[Command]], str]] = {
    "bash": _bash,
    "fish": _fish,
    "zsh": _zsh,
}
