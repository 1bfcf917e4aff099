"""Write docs/reference.md from the configuration models: .venv/bin/python docs/reference.py."""

import runpy
import sys
from pathlib import Path

from semantic_ids.config import JobConfig
from semantic_ids.field_help import keys_of

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "reference.md"
HEAD = """# Configuration keys

Written by `docs/reference.py` from the models that check a configuration; `--help` of a job says
the same. A table is a path (it holds a slash) or a name in the catalogue. Every job takes
`--config FILE` and `key=value`: dots descend into blocks, the value is YAML.
"""


def configs() -> dict[str, type[JobConfig]]:
    """Give each job's configuration: the model that its file in jobs/ imports."""
    found = {}
    for path in sorted((ROOT / "jobs").glob("[a-z]*.py")):
        names = runpy.run_path(str(path))
        models = [v for v in names.values() if isinstance(v, type) and issubclass(v, JobConfig)]
        (found[path.stem],) = models
    return found


def reference() -> str:
    """Give the page."""
    parts = [HEAD]
    for job, config in configs().items():
        doc = (config.__doc__ or "").strip().splitlines()[0]
        parts.append(
            f"\n## {job}\n\n{doc}\n\n| key | value | default | what |\n|---|---|---|---|\n"
        )
        for key in keys_of(config):
            default = key.default.removeprefix("default: ")
            cells = (f"`{key.name}`", key.kind, default, key.description)
            parts.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n")
    return "".join(parts)


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
