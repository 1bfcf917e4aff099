"""Peak memory of drawing fit_codebook's sample, for growing samples.

    .venv/bin/python benchmarks/sample.py [--sizes 100000 1000000] [--dim 384]

Generates a table of as many rows as the sample (benchmarks/quantize.py) and draws all of them.
Memory is anonymous memory: the sample itself is a file that the kernel keeps or drops as it likes.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _record import write_record
from _spark import ROOT, Meter, local_session
from quantize import generate, real_vectors

from semantic_ids.spark.sampling import draw_sample
from semantic_ids.spark.sources import open_source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--folder", help="where tables are generated; default: a temporary one")
    parser.add_argument("--out", type=Path, default=Path("artifacts/sample.json"))
    options = parser.parse_args()
    real = np.ascontiguousarray(real_vectors(options.data)[:, : options.dim])
    spark = local_session(1)
    results = []
    print("| rows | driver's Python MiB | JVM MiB | worker MiB | s | CPU s |")
    print("|---|---|---|---|---|---|")
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            place = Path(folder) / "items"
            generate(place, real, size, "zstd")
            source = open_source(spark, "embeddings", str(place))
            with Meter() as meter:
                drawing = {"size": size, "seed": 0, "dim": None, "binary_dtype": "float32"}
                sample = draw_sample(source, "text", **drawing)
        peak = {kind: round(mib) for kind, mib in meter.peak_mib.items()}
        results.append(
            {
                "rows": len(sample.vectors),
                "peak_mib": peak,
                "wall_s": meter.wall_s,
                "cpu_s": meter.cpu_s,
            }
        )
        print(
            f"| {size:,} | {peak['driver']} | {peak['jvm']} | {peak['worker']} "
            f"| {meter.wall_s:.0f} | {meter.cpu_s:.0f} |",
            flush=True,
        )
    spark.stop()
    write_record(options.out, "sample", results)


if __name__ == "__main__":
    main()
