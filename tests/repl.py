"""Python blocks of docs as a reader runs them: pasted into the prompt, line by line."""

import code
import re
import sys
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

__all__ = ["Prompt", "python_blocks"]


def python_blocks(page: Path) -> list[str]:
    """List the ```python blocks of a Markdown file."""
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


class Prompt(code.InteractiveConsole):
    """Python's prompt, in which whatever it would show as a traceback raises."""

    def __init__(self, names: dict[str, Any] | None = None, *, runs: bool = True) -> None:
        super().__init__({} if names is None else names)
        self.runs = runs

    def paste(self, block: str) -> None:
        """Push a block and the Enter after it.

        Raises
        ------
        BaseException
            What a statement raises, or a SyntaxError where the prompt ends one before its end.
        """
        for line in (*block.splitlines(), ""):
            self.push(line)
        if self.buffer:
            raise SyntaxError(f"the prompt still waits for the end of {self.buffer[0]!r}")

    def runcode(self, code: CodeType) -> None:
        """Run a statement, or only compile it; echo no values."""
        if self.runs:
            exec(code, self.locals)

    def showsyntaxerror(self, filename: str | None = None, **_: Any) -> NoReturn:
        """Raise what the prompt would show."""
        raise sys.exc_info()[1] or SyntaxError(filename)
