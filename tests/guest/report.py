# SPDX-License-Identifier: Apache-2.0
"""One payload that answers many questions: a shell script with a heading before each command's output."""
from suite import Failed

_kHeading = "@@@ "


def script(questions):
    """questions: {name: shell command}. A command's errors belong to its answer."""
    return "\n".join(f"echo '{_kHeading}{name}'; {{ {command}; }} 2>&1" for name, command in questions.items())


class Report(dict):
    """{name: answer without the final newline}."""

    def __init__(self, result):
        super().__init__()
        name = None
        for line in result.text.splitlines():
            if line.startswith(_kHeading):
                name = line[len(_kHeading):]
                self[name] = []
            elif name is not None:
                self[name].append(line)
        for name, lines in self.items():
            self[name] = "\n".join(lines)
        self.result = result

    def __missing__(self, name):
        raise Failed(f"the payload did not answer {name}: {self.result}")

    def field(self, name, key):
        """The value of `key` in an answer of lines "key: value"."""
        for line in self[name].splitlines():
            if line.split(":")[0].strip() == key:
                return line.split(":", 1)[1].strip()
        raise Failed(f"{name} has no {key}: {self[name][:300]}")


def ask(case, bundle, questions, **options):
    return Report(case.run(bundle.script(script(questions)), **options))
