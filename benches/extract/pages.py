#!/usr/bin/env python3
"""Renders Korean Markdown through site themes, as gold pages for extraction: gold = the Markdown.

    python3 -m venv VENV && VENV/bin/pip install zstandard markdown-it-py mkdocs mkdocs-material mkdocs-cinder \
        sphinx myst-parser furo sphinx-rtd-theme pydata-sphinx-theme sphinx-book-theme
    VENV/bin/python benches/extract/pages.py KO_DOCS.jsonl.zst OUT      # a few minutes
    cd NPM && npm install hexo hexo-renderer-marked hexo-renderer-ejs hexo-renderer-stylus hexo-theme-landscape \
        hexo-theme-next hexo-theme-fluid honkit vitepress                # for the themes of npm
    VENV/bin/python benches/extract/pages.py KO_DOCS.jsonl.zst OUT --npm NPM

Every theme renders its own part of the documents, as one site with the theme's navigation, search and
footers. Documents with much raw HTML or JSX are left out, because no Markdown renderer agrees with
another about them. OUT/pages.jsonl gets {id, set, html, gold: [[class, text], ...]}.
"""

import argparse
import functools
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import zstandard
from markdown_it import MarkdownIt

MKDOCS = ["mkdocs", "readthedocs", "material", "cinder"]
SPHINX = ["alabaster", "furo", "sphinx_rtd_theme", "pydata_sphinx_theme", "sphinx_book_theme"]
# Looked at while the extractor was tuned; the others were not rendered before the end.
TUNED = ["mkdocs", "material", "alabaster", "sphinx_rtd_theme"]
# Rendered by Node; none was looked at while the extractor was tuned.
NPM = ["landscape", "next", "fluid", "honkit", "vitepress"]
PARSER = MarkdownIt("commonmark").enable("table")


def clean(text):
    """The Markdown without front matter, directives and heading anchors of one site generator."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r"[ \t]*\{/?\*?[^{}\n]*\*?/?\}", "", text)
    text = re.sub(r"\s*\{#[^}\n]*\}", "", text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]\n]*)\]\([^)\n]*\)", r"\1", text)  # targets lie in other sites
    text = re.sub(r"^(```\w*)[^\n]*$", r"\1", text, flags=re.M)
    # Plain HTML between the Markdown is unwrapped; what is in code stays.
    parts = re.split(r"(^```.*?^```|`[^`\n]*`)", text, flags=re.S | re.M)
    tags = r"</?(?:br|img|b|i|a|p|div|center|span|sup|sub|small|strong|em|u|kbd|font|hr|details|summary|h[1-6])\b[^>\n]*>"
    parts[::2] = [re.sub(tags, "", part, flags=re.I) for part in parts[::2]]
    return "".join(parts).strip() + "\n"


def usable(text):
    outside = re.sub(r"```.*?```", "", text, flags=re.S)
    outside = re.sub(r"`[^`\n]*`", "", outside)
    tags = len(re.findall(r"</?[A-Za-z][^>\n]*>", outside))
    return 1500 < len(text) < 60000 and tags == 0 and text.count("```") % 2 == 0 and ":::" not in text


def gold(text):
    parts, table = [], 0
    for token in PARSER.parse(text):
        if token.type == "table_open":
            table += 1
        elif token.type == "table_close":
            table -= 1
        elif token.type in ("fence", "code_block"):
            parts.append(["code", token.content])
        elif token.type == "inline":
            words = "".join(child.content if child.type in ("text", "code_inline") else " " if "break" in child.type else ""
                            for child in token.children)
            parts.append(["table" if table else "text", words])
    return parts


def mkdocs(theme, documents, folder):
    docs = folder / "docs"
    docs.mkdir(parents=True)
    for name, text in documents:
        (docs / f"{name}.md").write_text(text)
    (docs / "index.md").write_text("# 문서\n\n한국어 기술 문서를 모은 곳입니다.\n")
    config = f"site_name: 한국어 기술 문서\ntheme:\n  name: {theme}\n"
    if theme == "material":
        config += "  language: ko\n  features: [navigation.tabs, navigation.footer, content.code.copy]\n"
    config += "copyright: 저작권 2024 한국어 문서 모임. 모든 권리를 가집니다.\nmarkdown_extensions: [tables, fenced_code, sane_lists, toc, {codehilite: {}}]\n".replace("toc,", "{toc: {permalink: true}},")
    (folder / "mkdocs.yml").write_text(config)
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "-q", "-f", folder / "mkdocs.yml", "-d", folder / "site"], check=True)
    return lambda name: folder / "site" / name / "index.html"


def sphinx(theme, documents, folder):
    docs = folder / "docs"
    docs.mkdir(parents=True)
    for name, text in documents:
        (docs / f"{name}.md").write_text(text)
    listing = "\n".join(name for name, _ in documents)
    (docs / "index.md").write_text(f"# 문서\n\n```{{toctree}}\n:maxdepth: 1\n{listing}\n```\n")
    (docs / "conf.py").write_text(
        f"project = '한국어 기술 문서'\ncopyright = '2024, 한국어 문서 모임'\nlanguage = 'ko'\nextensions = ['myst_parser']\n"
        f"html_theme = '{theme}'\nmyst_heading_anchors = 3\nsuppress_warnings = ['myst', 'misc.highlighting_failure', 'toc']\n")
    subprocess.run([sys.executable, "-m", "sphinx", "-q", "-b", "html", docs, folder / "site"], check=True, stderr=subprocess.DEVNULL)
    return lambda name: folder / "site" / f"{name}.html"


def titled(text, name):
    """The first heading and what follows it: blogs take the title apart."""
    found = re.match(r"\s*#{1,6}[ \t]+(.+?)[ \t]*#*\n", text)
    return (found[1], text[found.end():]) if found else (name, text)


def hexo(theme, documents, folder, npm):
    """A blog: each document is a post, its first heading the title."""
    posts = folder / "source" / "_posts"
    posts.mkdir(parents=True)
    (folder / "node_modules").symlink_to(npm / "node_modules")
    packages = json.loads((npm / "package.json").read_text())
    version = json.loads((npm / "node_modules" / "hexo" / "package.json").read_text())["version"]
    (folder / "package.json").write_text(json.dumps({**packages, "hexo": {"version": version}}))
    (folder / "_config.yml").write_text(
        f"title: 한국어 기술 문서\nauthor: 한국어 문서 모임\nlanguage: ko\nurl: http://예.kr\npermalink: :title/\ntheme: {theme}\n"
        "syntax_highlighter: highlight.js\nhighlight: {line_number: true}\n")
    for name, text in documents:
        title, rest = titled(text, name)
        head = json.dumps({"title": title, "date": "2024-05-18 10:00:00", "tags": ["문서"]}, ensure_ascii=False)
        (posts / f"{name}.md").write_text(f"---\n{head[1:-1]}\n---\n{rest}".replace('"title": ', "title: ", 1)
                                          .replace(', "date": ', "\ndate: ", 1).replace(', "tags": ', "\ntags: ", 1))
    subprocess.run([npm / "node_modules/.bin/hexo", "generate", "--silent", "--cwd", folder], check=True, stdout=subprocess.DEVNULL)
    return lambda name: folder / "public" / name / "index.html"


def honkit(_, documents, folder, npm):
    """A book with its contents at the side."""
    docs = folder / "docs"
    docs.mkdir(parents=True)
    for name, text in documents:
        (docs / f"{name}.md").write_text(text)
    (docs / "README.md").write_text("# 문서\n\n한국어 기술 문서를 모은 곳입니다.\n")
    listing = "\n".join(f"* [{titled(text, name)[0]}]({name}.md)" for name, text in documents)
    (docs / "SUMMARY.md").write_text(f"# 목차\n\n{listing}\n")
    (docs / "book.json").write_text(json.dumps({"title": "한국어 기술 문서", "language": "ko"}))
    subprocess.run([npm / "node_modules/.bin/honkit", "build", docs, folder / "site", "--log", "error"], check=True, stdout=subprocess.DEVNULL)
    return lambda name: folder / "site" / f"{name}.html"


def vitepress(_, documents, folder, npm):
    """What the documents of many projects in JavaScript are made with."""
    (folder / ".vitepress").mkdir(parents=True)
    (folder / "node_modules").symlink_to(npm / "node_modules")
    for name, text in documents:
        (folder / f"{name}.md").write_text(text)
    (folder / "index.md").write_text("# 문서\n\n한국어 기술 문서를 모은 곳입니다.\n")
    sidebar = [{"text": titled(text, name)[0], "link": f"/{name}"} for name, text in documents]
    config = {"title": "한국어 기술 문서", "lang": "ko-KR", "ignoreDeadLinks": True,
              "themeConfig": {"sidebar": sidebar, "nav": sidebar[:3], "footer": {"copyright": "저작권 2024 한국어 문서 모임"}}}
    (folder / ".vitepress" / "config.mjs").write_text(f"export default {json.dumps(config, ensure_ascii=False)}\n")
    subprocess.run([npm / "node_modules/.bin/vitepress", "build", folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return lambda name: folder / ".vitepress" / "dist" / f"{name}.html"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--each", type=int, default=25, help="pages of a theme")
    parser.add_argument("--themes", nargs="*")
    parser.add_argument("--npm", type=Path, help="the folder with the packages of npm")
    options = parser.parse_args()
    themes = options.themes or MKDOCS + SPHINX + (NPM if options.npm else [])
    for theme in themes:
        if theme not in MKDOCS + SPHINX + NPM:
            parser.error(f"there is no theme {theme}: choose among {' '.join(MKDOCS + SPHINX + NPM)}")
        if theme in NPM and not options.npm:
            parser.error(f"the theme {theme} is of npm: say with --npm in which folder its packages are installed")
    renderers = {theme: mkdocs for theme in MKDOCS} | {theme: sphinx for theme in SPHINX}
    if options.npm:
        npm = options.npm.resolve()
        of = {"honkit": honkit, "vitepress": vitepress}
        renderers |= {theme: functools.partial(of.get(theme, hexo), npm=npm) for theme in NPM}
    stream = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(options.docs.open("rb")))
    documents = []
    for row in map(json.loads, stream):
        text = clean(row["text"])
        if usable(text):
            name = "p" + hashlib.sha256(row["id"].encode()).hexdigest()[:10]
            documents.append((name, text))
    documents.sort()
    print(len(documents), "documents are plain enough", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "pages.jsonl", "w") as out:
        for theme in themes:
            number = (MKDOCS + SPHINX + NPM).index(theme)
            folder = options.out / theme
            shutil.rmtree(folder, ignore_errors=True)
            start = number * options.each
            part = [documents[at % len(documents)] for at in range(start, start + options.each)]
            where = renderers[theme](theme, part, folder.resolve())
            kept = 0
            for name, text in part:
                html = where(name).read_text()
                if "```" in html:
                    continue  # the site's renderer read the Markdown in another way
                row = {"id": f"{theme}/{name}", "set": theme, "html": html, "gold": gold(text)}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
                kept += 1
            print(theme, kept, file=sys.stderr)


main()
