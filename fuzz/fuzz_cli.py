"""Whatever a file holds, the command ends with an exit code, and its JSON is JSON."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import chooser, main
from ssewire.cli import main as ssewire

FOLDER = TemporaryDirectory(prefix="ssewire-fuzz-")
atexit.register(FOLDER.cleanup)
COMMANDS = ("replay", "replay --as json", "replay --as events", "check", "check --json")


def law(data: bytes) -> None:
    """Run one command over one file."""
    command = chooser(data).choice(COMMANDS).split()
    out, err = io.StringIO(), io.StringIO()
    path = Path(FOLDER.name) / "body.sse"
    path.write_bytes(data)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = ssewire([*command, str(path)])
    assert code in (0, 1, 2), err.getvalue()
    if "json" in command or "--json" in command:
        for line in out.getvalue().removesuffix("\n").split("\n") if out.getvalue() else ():
            json.loads(line)


if __name__ == "__main__":
    main(law)
