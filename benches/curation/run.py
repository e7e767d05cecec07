#!/usr/bin/env python3
"""Curation beside its peers on the same documents, one thread, CPU seconds.

    pip install "datatrove[processing]==0.10.1" spacy "kiwipiepy<0.22" rensa==0.5.0 zstandard
    cargo build --release -p corpus --example curation
    python benches/curation/run.py FILE.jsonl.zst… [--language kor] [--megabytes 2]

Rules: datatrove's four filters, each on every document as they run in FineWeb (each splits words itself), and
ours, which measure all signals. MinHash: 112 hashes of word 5-grams, shingling included, of datatrove, of rensa
with shingles built in Python as its documentation does, and ours. The whole chain is `chain.py`.
"""

import argparse
import io
import json
import subprocess
import tempfile
import time

import zstandard
from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.utils.text import split_into_parts
from rensa import RMinHash


def documents(paths, megabytes):
    """Whole documents in turn from all files, at most 20 kB of each."""
    def lines(path):
        with open(path, "rb") as file:
            yield from io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")

    sources, size = [lines(path) for path in paths], 0
    while sources:
        for source in list(sources):
            line = next(source, None)
            if line is None:
                sources.remove(source)
                continue
            text = json.loads(line)["text"][:20000]
            if len(text) < 300:
                continue
            size += len(text.encode())
            yield text
            if size > megabytes * 1e6:
                return


def measure(name, texts, work):
    work(texts[0])  # what is loaded at the first call is not measured
    start = time.process_time()
    for text in texts:
        split_into_parts.cache_clear()
        work(text)
    seconds = time.process_time() - start
    speed = sum(len(text.encode()) for text in texts) / 1e6 / seconds
    print(f"{name:<44} {speed:8.3f} MB/s", flush=True)
    return speed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--binary", default="target/release/examples/curation")
    parser.add_argument("--language", default="eng")
    parser.add_argument("--megabytes", type=float, default=2.0)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    texts = list(documents(arguments.files, arguments.megabytes))
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", delete=False) as file:
        for index, text in enumerate(texts):
            file.write(json.dumps({"id": str(index), "text": text}) + "\n")
    print(len(texts), "documents,", sum(len(text.encode()) for text in texts) / 1e6, "MB")
    speeds = {}
    for mode in ("rules", "sketch", "pii"):
        answer = json.loads(subprocess.check_output([arguments.binary, mode, file.name]))
        speeds[mode] = answer["MB_per_cpu_second"]
        print(f"{'ours: ' + mode:<44} {speeds[mode]:8.3f} MB/s", flush=True)

    language = arguments.language
    document = lambda text: Document(text=text, id="x")
    filters = [GopherRepetitionFilter, GopherQualityFilter, C4QualityFilter, FineWebQualityFilter]
    seconds = 0.0
    for kind in filters:
        extra = {"filter_no_terminal_punct": False} if kind is C4QualityFilter else {}
        rule = kind(language=language, **extra)
        seconds += 1 / measure(f"datatrove: {kind.__name__}", texts, lambda text: rule.filter(document(text)))
    print(f"{'datatrove: the four, one after another':<44} {1 / seconds:8.3f} MB/s")
    signature = MinhashDedupSignature("unused", config=MinhashConfig(), language=language)
    minhash = measure("datatrove: MinHash signature", texts, lambda text: signature.get_signature(signature.get_shingles(text)))
    masked = measure("datatrove: PII", texts, PIIFormatter().format)

    def rensa(text):
        words = text.lower().split()
        made = RMinHash(num_perm=112, seed=1)
        made.update([" ".join(words[at : at + 5]) for at in range(max(1, len(words) - 4))])
        return made.digest()

    peer = measure("rensa: shingles in Python, RMinHash", texts, rensa)
    print(f"rules {speeds['rules'] * seconds:.0f}x datatrove; MinHash {speeds['sketch'] / minhash:.0f}x datatrove, {speeds['sketch'] / peer:.1f}x rensa; "
          f"PII {speeds['pii'] / masked:.0f}x")


if __name__ == "__main__":
    main()
