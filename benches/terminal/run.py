#!/usr/bin/env python3
"""Drives `kanana chat` in a pseudo-terminal as a person would, and reads the screen a terminal shows.

    pip install pexpect pyte
    python benches/terminal/run.py target/release/kanana MODEL [long-winded MODEL options]

MODEL is any model; a small one with a context of 512 or more is enough. Ends with an error at the
first thing that is not as it should be. Not part of `cargo test`, which needs no Python.
"""

import os
import sys
import tempfile
import time
import unicodedata

import pexpect
import pyte

PROGRAM, MODEL, *OPTIONS = sys.argv[1:]
COLUMNS, LINES = 60, 30
home = tempfile.mkdtemp()


class Terminal:
    def __init__(self, language="C.UTF-8", options=()):
        environment = dict(os.environ, XDG_STATE_HOME=home, LC_ALL=language, TERM="xterm-256color")
        words = ["chat", MODEL, "--tokens", "40", *OPTIONS, *options]
        self.child = pexpect.spawn(PROGRAM, words, env=environment, dimensions=(LINES, COLUMNS), timeout=60)
        self.screen = pyte.Screen(COLUMNS, LINES)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.until(lambda: self.line().startswith("›"))

    def read(self):
        try:
            bytes_ = self.child.read_nonblocking(65536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += bytes_
        self.stream.feed(bytes_)
        return True

    def until(self, what, seconds=60):
        end = time.time() + seconds
        while not what():
            alive = self.read()
            if what():
                return
            assert alive and time.time() < end, "waited in vain; the screen:\n" + self.text()

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def line(self):
        """The line with the cursor; a cell after a wide character is empty in pyte's lines."""
        row = self.screen.buffer[self.screen.cursor.y]
        return "".join(row[x].data for x in range(COLUMNS)).rstrip()

    def type(self, text):
        self.child.send(text)
        time.sleep(0.2)
        self.read()

    def prompt(self):
        """Waits for an empty prompt."""
        self.until(lambda: self.line() == "›")

    def ask(self, text):
        self.raw = b""
        self.type(text + "\r")
        self.prompt()
        return self.raw.decode()

    def end(self):
        while self.read():
            pass
        self.child.close()
        return self.child.exitstatus


def part(name):
    print("ok ", name, flush=True)


t = Terminal()
assert "/help" in t.text(), t.text()
said = t.ask("안녕하세요")
assert "tokens/s" in said and "first after" in said, said
part("a message is answered, with its speed")

t.type("가나다")
column = t.screen.cursor.x
assert column == 8, f"three wide syllables after a prompt of two cells: {column}"
t.type("\x7f")
assert (t.line(), t.screen.cursor.x) == ("› 가나", 6), t.line()
t.type("\x1b[D\x1b[D한\x1b[C")
assert (t.line(), t.screen.cursor.x) == ("› 한가나", 6), (t.line(), t.screen.cursor.x)
t.type("\x15\x0b")
t.type(unicodedata.normalize("NFD", "각"))
t.type("\x7f")
assert t.line() == "›", "a decomposed syllable goes as one: " + t.line()
t.type("👨‍👩‍👧\x7f")
assert t.line() == "›", "so does an emoji of several: " + t.line()
part("Hangul is edited by the syllable, in cells of two")

t.type("\x1b[A")
assert t.line() == "› 안녕하세요", t.line()
t.type("\x15")
part("the arrow brings back what was typed")

t.raw = b""
t.type("첫 줄\x1b\r둘째 줄")
assert "› 첫 줄" in t.text() and t.line() == "둘째 줄", t.text()
t.type("\r")
t.prompt()
t.ask("가\\\r나")
t.ask('"""\r하나\r\r둘\r"""')
t.ask("\x1b[200~붙여\n넣은 글\x1b[201~")
path = os.path.join(home, "대화.json")
t.ask(f"/save {path}")
import json
users = [m["content"] for m in json.load(open(path))["messages"] if m["role"] == "user"]
assert users == ["안녕하세요", "첫 줄\n둘째 줄", "가\n나", "하나\n\n둘", "붙여\n넣은 글"], users
part("several lines: Alt-Enter, backslash, quotes, paste")

t.type("/se")
t.type("\t")
t.until(lambda: t.line() in ("› /set", "› /se"))
t.type("\x15")
t.type("/rese\t\r")
t.prompt()
assert "a new conversation" in t.text(), t.text()
assert "written with two" in t.ask("/nothing")
t.ask("/set temperature 0.7")
assert "temperature 0.7" in t.text(), t.text()
assert "0 messages" in t.ask("/tokens")
part("orders, completed by Tab; a wrong one ends nothing")

t.ask("/set tokens 100000")
t.type("길게 말해 주세요\r")
t.until(lambda: t.raw.count(b"\n") > 3 or len(t.raw) > 200)
t.type("\x03")
t.prompt()
stopped = "stopped" in t.text() or "context is full" in t.text()
assert stopped, t.text()
print("    ", [line for line in t.text().splitlines() if "tokens/s" in line][-1:])
t.ask("아직 여기 있나요")
part("Ctrl-C stops the answer and not the program")

t.type("지울 글\x03")
t.prompt()
assert "leaves" in t.text(), t.text()
t.type("\x04")
assert t.end() == 0
part("Ctrl-C clears a line, Ctrl-D leaves")

t = Terminal(language="ko_KR.UTF-8")
t.type("\x1b[A")
assert t.line() == "› 아직 여기 있나요", "the history outlives the program: " + t.line()
t.type("\x15")
said = t.ask("/도움말")
assert "/설정" in said and "Ctrl-C" in said, said
t.ask("안녕")
assert "초당" in t.text(), t.text()
said = t.ask("/help en")
assert "/regenerate" in said, said
t.type("/끝\r")
assert t.end() == 0
mode = os.stat(os.path.join(home, "kanana/history.jsonl")).st_mode & 0o777
assert mode == 0o600, oct(mode)
part("in Korean; the history is private")
