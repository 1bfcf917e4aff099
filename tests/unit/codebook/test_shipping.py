"""The package as Spark executors get it: in a zip, perhaps with nowhere to write a cache."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import semantic_ids

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import semantic_ids.codebook as codebook
assert codebook.__file__.startswith(sys.argv[1]), codebook.__file__
heavy = {"numba", "pyspark", "pyarrow", "torch", "pydantic", "sklearn", "scipy", "faiss"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
rows = np.arange(60, dtype=np.float32).reshape(20, 3) % 7
fitted = codebook.fit(rows, codebook.CodebookSpec([{"ternary": 3}], rounds=0))
print(codebook.encode(rows[:2], fitted).shape)
"""


def test_encode_works_from_a_zip_without_a_place_for_a_cache(tmp_path):
    package = Path(semantic_ids.__file__).parent
    copied = tmp_path / "lib" / "semantic_ids"
    shutil.copytree(package, copied, ignore=shutil.ignore_patterns("__pycache__"))
    archive = shutil.make_archive(str(tmp_path / "shipped"), "zip", tmp_path / "lib")
    a_file = tmp_path / "not a folder"
    a_file.touch()
    env = {**os.environ, "HOME": str(a_file), "XDG_CACHE_HOME": str(a_file)}
    done = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT, archive],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "(2,)\n", done.stderr
