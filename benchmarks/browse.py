"""How fast the browse page opens, finds neighbours and searches, in a real browser.

    .venv/bin/python benchmarks/browse.py [--items 100000] [--rounds 7] [--out FILE]

The items are the example shop's embeddings (384 floats) with noise, each with a title, an id and a
category; the codebooks are fitted on the shop. The browser is Debian's chromium, headless, by
selenium. Opening runs from the start of the navigation to the frame of the first columns;
neighbours and search are calls of the page's own functions. Medians of the rounds; prints Markdown,
writes JSON.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from _record import write_record
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from semantic_ids.codebook import CodebookSpec, encode, fit
from semantic_ids.report import Catalogue, PrefixCounts, browse_to_html

ROOT = Path(__file__).parent.parent
SPECS = {
    "39 ternary digits, 8 bytes": [{"ternary": 39}],
    "2 centroid bytes, 15 digits, 5 bytes": [{"centroids": 256}] * 2 + [{"ternary": 15}],
    "8 centroid bytes": [{"centroids": 256}] * 8,
}
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run")
TIMED = """
const started = performance.now();
%s;
return performance.now() - started;
"""
CALLS = {
    "neighbours_ms": "nearestOf(Math.floor(Math.random() * n))",
    "first_search_ms": "search('heart holder', 50)",
    "search_ms": "search('red', 50)",
}


def catalogue(n: int, stages: list[dict[str, int]]) -> Catalogue:
    table = pq.read_table(ROOT / "examples" / "online_retail" / "items.parquet")
    blobs = b"".join(table["text_embedding"].to_pylist())
    vectors = np.frombuffer(blobs, "<f2").reshape(len(table), -1).astype(np.float32)
    names = table["description"].to_pylist()
    codebook = fit(vectors, CodebookSpec(stages, rounds=1), collection="text", seed=0)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(vectors), n)
    noise = rng.normal(scale=0.03, size=(n, vectors.shape[1])).astype(np.float32)
    sids = encode(vectors[rows] + noise, codebook)
    order = np.argsort(sids, kind="stable")
    prefixes = np.unique(sids >> 8 * (codebook.width - 2), return_counts=True)
    return Catalogue(
        codebook,
        "shop",
        sids[order],
        [f"sku-{row:08d}" for row in order],
        [f"{names[rows[row]]} No. {row}" for row in order],
        "kind",
        [f"kind {rows[row] % 37}" for row in order],
        PrefixCounts(*prefixes),
        (),
    )


def measure(driver: webdriver.Chrome, path: Path, rounds: int) -> dict[str, float]:
    found: dict[str, list[float]] = {"open_ms": []} | {name: [] for name in CALLS}
    for _ in range(rounds):
        driver.get("about:blank")
        driver.get(path.as_uri())
        driver.execute_async_script("requestAnimationFrame(arguments[0])")
        script = "return performance.getEntriesByName('first columns')[0].startTime"
        found["open_ms"].append(driver.execute_script(script))
        for name, call in CALLS.items():
            found[name].append(driver.execute_script(TIMED % call))
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("artifacts/browse.json"))
    options = parser.parse_args()
    chrome = webdriver.ChromeOptions()
    chrome.binary_location = "/usr/bin/chromium"
    for flag in FLAGS:
        chrome.add_argument(flag)
    driver = webdriver.Chrome(options=chrome, service=Service("/usr/bin/chromedriver"))
    results: list[dict[str, Any]] = []
    print("| codebook | page, MB | written, s | opens, ms | neighbours, ms | search, ms |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, stages in SPECS.items():
            items = catalogue(options.items, stages)
            started = time.perf_counter()
            content = browse_to_html(items).encode()
            written_s = time.perf_counter() - started
            path = Path(folder) / "page.html"
            path.write_bytes(content)
            found = measure(driver, path, options.rounds)
            results.append({"codebook": name, "size": len(content), "written_s": written_s} | found)
            print(
                f"| {name} | {len(content) / 1e6:.1f} | {written_s:.1f} | {found['open_ms']:.0f} | "
                f"{found['neighbours_ms']:.0f} | {found['first_search_ms']:.0f}, then "
                f"{found['search_ms']:.0f} |",
                flush=True,
            )
    driver.quit()
    write_record(options.out, "browse", {"items": options.items, "measured": results})


if __name__ == "__main__":
    main()
