#!/usr/bin/env python3
"""How curation's stages speed up with threads, on one machine.

    cargo build --release && cargo build --release -p corpus --example curation
    python benches/curation/threads.py PAGES.jsonl [--threads 1 2 4 8 16] [--times 20] [--megabytes 200]

PAGES has {"id", "html"} a line, as `benches/extract/pages.py` writes it; each page is read so many `--times` under
other ids. The other stages work on a generated corpus of so many `--megabytes`. Seconds are the runner's own, from the
provenance of each artifact, reading and writing included. Prints a table: seconds, and how many times as fast as with
the first number of threads. The artifacts of all numbers are compared as well: they must be the same, byte for byte.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
release = root / "target" / "release"

RECIPE = """
seed = 1
[inputs]
pages = { kind = "files" }
texts = { kind = "files" }
[[step]]
name = "fast"
stage = "extract"
inputs = { files = "pages" }
with = { mode = "fast" }
[[step]]
name = "quality"
stage = "extract"
inputs = { files = "pages" }
[[step]]
name = "corpus"
stage = "ingest"
inputs = { files = "texts" }
[[step]]
name = "sifted"
stage = "filter"
inputs = { corpus = "corpus" }
[[step]]
name = "unique"
stage = "dedup"
inputs = { corpus = "corpus" }
[[step]]
name = "masked"
stage = "pii"
inputs = { corpus = "corpus" }
"""
STEPS = ["fast", "quality", "sifted", "unique", "masked"]


def seconds(artifact):
    lines = (artifact / "provenance" / "attempts.jsonl").read_text().splitlines()
    return json.loads(lines[-1])["seconds"]


def hashes(artifact):
    return json.loads((artifact / "manifest.json").read_text())["files"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pages")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in ("pages", "texts"):
            (folder / name).mkdir()
        rows = [json.loads(line) for line in open(given.pages, encoding="utf-8")]
        with open(folder / "pages" / "pages.jsonl", "w", encoding="utf-8") as out:
            for time in range(given.times):
                for row in rows:
                    out.write(json.dumps({"id": f"{time}/{row['id']}", "html": row["html"]}, ensure_ascii=False) + "\n")
        with open(folder / "texts" / "planted.jsonl", "wb") as out:
            subprocess.run([release / "examples" / "curation", "plant", str(given.megabytes)], stdout=out, check=True)
        (folder / "r.toml").write_text(RECIPE)
        size = (folder / "pages" / "pages.jsonl").stat().st_size / 1e6
        print(f"{len(rows) * given.times} pages, {size:.0f} MB of HTML; {given.megabytes} MB of text")
        print("threads  " + "  ".join(f"{step:>16}" for step in STEPS))
        first, made = None, None
        for threads in given.threads:
            store = f"store-{threads}"
            command = [release / "kanana", "run", "r.toml", "--store", store, "--threads", str(threads)]
            command += ["--input", "pages=pages", "--input", "texts=texts"]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            artifacts = [next((folder / store).glob(f"{step}-*")) for step in STEPS]
            now, files = [seconds(artifact) for artifact in artifacts], [hashes(artifact) for artifact in artifacts]
            first, made = first or now, made or files
            assert files == made, f"{threads} threads wrote other bytes"
            cells = (f"{second:8.2f} s {one / second:4.1f}x" for second, one in zip(now, first))
            print(f"{threads:>7}  " + "  ".join(f"{cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
