"""Zip the library for `--py-files`, and print the path: its name is a hash of what it holds.

python conf/spark/zip_library.py LIB FOLDER
"""

import hashlib
import os
import sys
import zipfile
from pathlib import Path

PACKAGED = (".py", ".j2", ".css", ".js")


def main(lib: Path, folder: Path) -> None:
    """Write FOLDER/semantic_ids-HASH.zip, unless it is there."""
    files = sorted(file for file in (lib / "semantic_ids").rglob("*.*") if file.suffix in PACKAGED)
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(lib)}\n".encode() + file.read_bytes())
    archive = folder / f"semantic_ids-{digest.hexdigest()[:12]}.zip"
    if not archive.exists():
        partial = archive.with_suffix(f".{os.getpid()}.partial")
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as zipped:
            for file in files:
                zipped.write(file, file.relative_to(lib))
        partial.replace(archive)
    sys.stdout.write(f"{archive}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
