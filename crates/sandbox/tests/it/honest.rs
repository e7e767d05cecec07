//! Twenty programs as people write them, and what they print.

pub(crate) struct Honest {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    pub(crate) prints: &'static str,
    /// Whether it needs `/dev/shm`.
    pub(crate) shared_memory: bool,
}

const fn honest(name: &'static str, program: &'static str, prints: &'static str) -> Honest {
    Honest {
        name,
        program,
        prints,
        shared_memory: false,
    }
}

pub(crate) const PROGRAMS: &[Honest] = &[
    honest("arithmetic", "print(sum(i * i for i in range(1000)) % 97, 2 ** 200)", "19 1606938044258990275541962092341162602522202993782792835301376"),
    honest("Korean", "s = '안녕하세요'\nprint(s[::-1], len(s), sorted(s))", "요세하녕안 5 ['녕', '세', '안', '요', '하']"),
    honest("standard input", "print(input(), input())", "하나 둘"),
    honest("library", "
import bisect, collections, datetime, decimal, fractions, functools, heapq, itertools, json, math, random, re, statistics, string
print(json.dumps(collections.Counter('가나가')), math.comb(10, 3), decimal.Decimal('0.1') + 1, statistics.median([3, 1, 2]))", r#"{"\uac00": 2, "\ub098": 1} 120 1.1 2"#),
    honest("file", "
with open('note.txt', 'w') as f: f.write('한 줄\\n' * 3)
print(len(open('note.txt').readlines()))", "3"),
    honest("folder", "
import os, pathlib
os.makedirs('a/b/c'); pathlib.Path('a/b/c/x').write_text('x'); os.rename('a/b', 'a/d')
print(sorted(str(p) for p in pathlib.Path('a').rglob('*')))", "['a/d', 'a/d/c', 'a/d/c/x']"),
    honest("copy", "
import os, shutil
open('one', 'w').write('1'); os.chmod('one', 0o600); shutil.copy2('one', 'two'); shutil.copytree('.', '../room/copy', ignore=lambda d, n: ['copy'])
print(open('two').read(), sorted(os.listdir('copy')))", "1 ['one', 'program.py', 'two']"),
    honest("temporary", "
import tempfile
with tempfile.TemporaryFile('w+') as f:
    f.write('가'); f.seek(0); print(f.read())
with tempfile.TemporaryDirectory() as d: print(d.startswith(tempfile.gettempdir()))", "가\nTrue"),
    honest("database", "
import sqlite3
c = sqlite3.connect('x.db'); c.execute('create table t(a)'); c.executemany('insert into t values(?)', [(i,) for i in range(10)]); c.commit()
print(c.execute('select sum(a) from t').fetchone())", "(45,)"),
    honest("archive", "
import gzip, io, zipfile, zlib
with zipfile.ZipFile('x.zip', 'w') as z: z.writestr('a', '가' * 100)
print(zipfile.ZipFile('x.zip').read('a').decode().count('가'), len(zlib.compress(b'a' * 9999)) < 100, gzip.decompress(gzip.compress(b'x')))", "100 True b'x'"),
    honest("own module", "
open('mine.py', 'w').write('def f(): return 42')
import mine
print(mine.f())", "42"),
    honest("threads", "
import threading
total, lock = 0, threading.Lock()
def work():
    global total
    for _ in range(1000):
        with lock: total += 1
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(total)", "8000"),
    honest("thread pool", "
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool: print(list(pool.map(lambda x: x * x, range(5))))", "[0, 1, 4, 9, 16]"),
    honest("child", "
import subprocess, sys
print(subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout.strip())
print(subprocess.check_output('echo one two | wc -w', shell=True, text=True).strip())", "42\n2"),
    honest("fork", "
import os
r, w = os.pipe()
if os.fork() == 0:
    os.write(w, b'child'); os._exit(7)
os.close(w); print(os.read(r, 9).decode(), os.waitstatus_to_exitcode(os.wait()[1]))", "child 7"),
    honest("process", "
import multiprocessing as m
def f(pipe): pipe.send('가')
if __name__ == '__main__':
    a, b = m.Pipe()
    p = m.Process(target=f, args=(b,)); p.start(); print(a.recv()); p.join(); print(p.exitcode)", "가\n0"),
    Honest {
        name: "process pool",
        program: "
import multiprocessing as m
def f(x): return x * x
if __name__ == '__main__':
    with m.Pool(3) as pool: print(pool.map(f, range(5)))",
        prints: "[0, 1, 4, 9, 16]",
        shared_memory: true,
    },
    honest("asynchronous", "
import asyncio
async def f(x):
    await asyncio.sleep(0.01); return x
async def main(): print(await asyncio.gather(*[f(i) for i in range(4)]))
asyncio.run(main())", "[0, 1, 2, 3]"),
    honest("alarm", "
import signal
def ring(*_): raise TimeoutError
signal.signal(signal.SIGALRM, ring); signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    while True: sum(range(1000))
except TimeoutError: print('rang')", "rang"),
    honest("recursion", "
import sys
sys.setrecursionlimit(20000)
def f(n): return 0 if n == 0 else 1 + f(n - 1)
try: print(f(900), f(10 ** 9))
except RecursionError: print('too deep')", "too deep"),
];
