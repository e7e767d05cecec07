//! Forty-three programs that mean harm. Each prints `ESCAPED` where it got what it wanted, `HELD` where it
//! noticed that it did not; what it may do unnoticed, the scene sees.

use sandbox::Bound;

pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    /// What must stop it, where it does not stop by itself.
    pub(crate) stopped: Option<Bound>,
    /// Whether it must have come so far as to notice.
    pub(crate) says_so: bool,
}

/// It goes on until it is stopped for this.
const fn endless(name: &'static str, bound: Bound, program: &'static str) -> Hostile {
    Hostile {
        name,
        program,
        stopped: Some(bound),
        says_so: false,
    }
}

/// It tries, and is told that it may not.
const fn held(name: &'static str, program: &'static str) -> Hostile {
    Hostile {
        name,
        program,
        stopped: None,
        says_so: true,
    }
}

/// However it ends, the scene is as it was.
const fn any(name: &'static str, program: &'static str) -> Hostile {
    Hostile {
        name,
        program,
        stopped: None,
        says_so: false,
    }
}

#[rustfmt::skip]
pub(crate) const PROGRAMS: &[Hostile] = &[
    // time
    endless("loop", Bound::Wall, "
while True: pass"),
    endless("sleep that ignores signals", Bound::Wall, "
import signal, time
for s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: time.sleep(1)"),
    endless("waiting for input that never comes", Bound::Wall, "
import os
r, w = os.pipe()
os.read(r, 1)"),
    endless("stopped by itself", Bound::Wall, "
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)"),
    endless("a regular expression without end", Bound::Wall, "
import re
re.match(r'(a|aa|a?)+$', 'a' * 60 + 'b')"),
    // processes
    endless("fork bomb", Bound::Wall, "
import os
while True:
    try: os.fork()
    except OSError: pass"),
    endless("fork bomb of a shell", Bound::Wall, "
import subprocess, time
subprocess.Popen(['/bin/sh', '-c', 'f() { f | f & }; f'])
while True: time.sleep(1)"),
    held("threads without number", "
import threading, time
try:
    for i in range(10000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    print('ESCAPED')
except RuntimeError: print('HELD', flush=True)
import os; os._exit(0)"),
    any("daemon", "
import os, time
if os.fork() == 0:
    try: os.setsid()
    except OSError: pass
    if os.fork() == 0:
        for fd in (0, 1, 2): os.close(fd)
        while True: time.sleep(1)
    os._exit(0)
os.wait()"),
    any("a hundred orphans", "
import os, signal, time
for i in range(100):
    try:
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            try: os.setpgid(0, 0)
            except OSError: pass
            time.sleep(60); os._exit(0)
    except OSError: pass"),
    // memory
    endless("memory bomb", Bound::Memory, "
x, i = [], 0
while True: x.append(bytes([i % 251 + 1]) * (1 << 20)); i += 1"),
    held("one enormous object", "
try: x = b'x' * (1 << 40); print('ESCAPED')
except MemoryError: print('HELD')"),
    any("a string that doubles", "
s = '가'
while True: s += s"),
    endless("memory of many processes", Bound::Memory, "
import os, time
for i in range(8):
    if os.fork() == 0: break
x = []
for i in range(60): x.append(b'x' * (1 << 20) + bytes([i]))
time.sleep(60)"),
    endless("memory of an orphan", Bound::Memory, "
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        x = []
        for i in range(300): x.append(b'x' * (1 << 20) + bytes([i % 251]))
        time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(60)"),
    held("memory that is shared and not counted", "
import mmap
kept = []
def fill(fd):
    for i in range(6):
        kept.append(mmap.mmap(fd, 64 << 20))
        for at in range(0, 64 << 20, 4096): kept[-1][at] = 1
        kept[-1].madvise(mmap.MADV_DONTNEED)
    print('ESCAPED', fd)
for act in (lambda: fill(-1), lambda: fill(open('/dev/zero', 'r+b', buffering=0).fileno())):
    try: act()
    except OSError: pass
print('HELD')"),
    any("a bomb of compressed zeros", "
import zlib
d = zlib.decompressobj()
data = zlib.compress(b'\\0' * (50 << 20), 9)
out = []
while True: out.append(zlib.decompress(data))"),
    any("a tower of powers", "
x = 9 ** 9 ** 9 ** 9"),
    any("recursion until the stack is gone", "
import sys
sys.setrecursionlimit(10 ** 9)
def f(n): return f(n + 1) + 1
f(0)"),
    // output and files
    endless("output without end", Bound::Output, "
import sys
while True: sys.stdout.write('x' * 4096)"),
    endless("complaints without end", Bound::Output, "
import os
while True: os.write(2, b'y' * 65536)"),
    held("a file without end", "
try:
    with open('big', 'wb') as f:
        for i in range(1 << 20): f.write(b'z' * (1 << 16)); f.flush()
    print('ESCAPED')
except OSError: print('HELD')"),
    any("files without number", "
import os
try:
    for i in range(1 << 20):
        with open(f'f{i}', 'wb') as f: f.write(b'q' * 1000)
    print('ESCAPED')
except OSError: print('HELD')"),
    any("folders in folders", "
import os
for i in range(3000):
    os.mkdir('d'); os.chdir('d')"),
    held("all descriptors", "
import os
fds = []
try:
    while True: fds.append(os.open('/dev/null', os.O_RDONLY))
except OSError: print('HELD' if len(fds) < 1000 else 'ESCAPED')"),
    // reading outside
    held("reading a secret", "
for path in ('{path}/secret', '/etc/shadow', '/etc/passwd', '/proc/1/environ', '/var/log/syslog', '/home'):
    try: print('ESCAPED', open(path).read())
    except OSError: pass
print('HELD')"),
    held("a secret by way of a link", "
import os
os.symlink('{path}/secret', 'innocent')
try: print('ESCAPED', open('innocent').read())
except OSError: print('HELD')
try: os.link('{path}/secret', 'hard'); print('ESCAPED', open('hard').read())
except OSError: pass"),
    held("listing what is outside", "
import os
for path in ('/', '/tmp', '/root', '/home', '/etc', '/proc', '/sys', '/var', '{path}', '..'):
    try: print('ESCAPED', os.listdir(path))
    except OSError: pass
print('HELD')"),
    held("the memory and the files of the parent", "
import os
for pid in (os.getppid(), 1, {tests}, {victim}, 'self', 'thread-self'):
    for name in ('environ', 'maps', 'mem', 'cmdline', 'root', 'fd', 'ns/net'):
        for act in (lambda p: open(p, 'rb').read(1), os.listdir):
            try: act(f'/proc/{pid}/{name}'); print('ESCAPED', pid, name)
            except OSError: pass
print('HELD')"),
    held("descriptors left open", "
import os
for fd in range(3, 21):
    for act in (lambda: print('open', fd, os.pread(fd, 100, 0)), lambda: os.write(fd, b'dead')):
        try: act()
        except OSError: pass
print('HELD')"),
    // writing outside
    held("writing outside", "
import os
for act in (lambda: open('{path}/canary', 'w').write('dead'), lambda: open('{path}/canary', 'a').write('dead'),
            lambda: open('{path}/folder/new', 'w'), lambda: os.mkdir('{path}/folder/new'), lambda: os.unlink('{path}/canary'),
            lambda: os.truncate('{path}/canary', 0), lambda: os.rename('{path}/canary', 'mine'),
            lambda: os.replace('program.py', '{path}/canary'), lambda: os.symlink('a', '{path}/folder/link'),
            lambda: os.link('program.py', '{path}/folder/hard'), lambda: os.mkfifo('{path}/folder/pipe'),
            lambda: os.open('{path}/canary', os.O_RDONLY | os.O_TRUNC), lambda: open('/dev/shm/../../{path}/canary', 'w'),
            lambda: open('../report.json', 'w'), lambda: open('../program.py', 'a')):
    try: act(); print('ESCAPED')
    except OSError: pass
print('HELD')"),
    any("rights of what is outside", "
import os
for path in ('{path}/canary', '{path}/folder', '{path}'):
    for act in (lambda: os.chmod(path, 0), lambda: os.chown(path, 1, 1), lambda: os.utime(path, (0, 0)),
                lambda: os.setxattr(path, 'user.x', b'1')):
        try: act()
        except OSError: pass"),
    held("climbing out of the room", "
import os
os.mkdir('in')
fd = os.open('.', os.O_RDONLY)
try: os.chroot('in'); print('ESCAPED')
except OSError: pass
os.fchdir(fd)
for i in range(64):
    try: os.chdir('..')
    except OSError: break
for path in ('etc/passwd', '{path}/secret'.lstrip('/')):
    try: print('ESCAPED', open(path).read())
    except OSError: print('HELD')"),
    // network
    held("the network", "
import socket, urllib.request
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, socket.AF_NETLINK, socket.AF_VSOCK):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            s = socket.socket(family, kind); print('ESCAPED', family, kind); s.connect(('127.0.0.1', {port}))
        except OSError: pass
try: urllib.request.urlopen('http://127.0.0.1:{port}/', timeout=1); print('ESCAPED')
except OSError: print('HELD')"),
    held("sockets of the machine", "
import socket
for address in ('{path}/socket', '\\0{hidden}', '/run/docker.sock', '/run/systemd/notify'):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try: s = socket.socket(socket.AF_UNIX, kind); s.connect(address); print('ESCAPED')
        except OSError: pass
try:
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); a.sendto(b'x', '{path}/socket'); print('ESCAPED')
except OSError: pass
a, b = socket.socketpair()
try: a.sendto(b'x', '{path}/socket'); print('ESCAPED?')
except OSError: pass
print('HELD')"),
    // other processes
    held("signals to others", "
import os, signal
for pid in ({victim}, {tests}):
    for s in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, 0):
        try: os.kill(pid, s); print('ESCAPED', pid)
        except OSError: pass
    try: os.killpg(pid, signal.SIGKILL); print('ESCAPED')
    except OSError: pass
print('HELD', flush=True)
for s in (signal.SIGTERM, signal.SIGKILL):
    for pid in (os.getppid(), 1, -1):
        try: os.kill(pid, s)
        except OSError: pass"),
    held("limits and priorities of others", "
import os, resource
for pid in ({victim}, {tests}):
    for act in (lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)), lambda: os.sched_setaffinity(pid, {0}),
                lambda: os.setpriority(os.PRIO_PROCESS, pid, 19)):
        try: act(); print('ESCAPED')
        except OSError: pass
try: resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999)); print('ESCAPED')
except (OSError, ValueError): print('HELD')"),
    held("ptrace and foreign memory", "
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for pid in ({victim}, {tests}):
    if libc.ptrace(16, pid, 0, 0) == 0: print('ESCAPED ptrace')
    buffer = ctypes.create_string_buffer(64)
    if libc.process_vm_readv(pid, ctypes.byref(buffer), 1, ctypes.byref(buffer), 1, 0) > 0: print('ESCAPED memory')
print('HELD')"),
    // the kernel
    held("mount and namespaces", "
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for name, act in (('mount', lambda: libc.mount(b'none', b'.', b'tmpfs', 0, None)), ('umount', lambda: libc.umount2(b'.', 2)),
                  ('unshare', lambda: libc.unshare(0x10000000)), ('setns', lambda: libc.setns(0, 0)),
                  ('pivot', lambda: libc.syscall(155, b'.', b'.')), ('bind', lambda: libc.mount(b'/', b'.', None, 4096, None))):
    if act() == 0: print('ESCAPED', name)
print('HELD')"),
    held("becoming somebody else", "
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for act in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0])):
    try: act(); print('ESCAPED')
    except OSError: pass
if os.getuid() == 0: print('ESCAPED root')
import subprocess
print(subprocess.run(['su', '-c', 'id'], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.replace('uid=0', 'ESCAPED'))
print('HELD')"),
    held("io_uring, bpf and the like", "
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(512)
for name, number, args in (('io_uring', 425, (8, buffer)), ('bpf', 321, (0, buffer, 120)), ('perf', 298, (buffer, 0, -1, -1, 0)),
                           ('userfaultfd', 323, (1,)), ('keyctl', 250, (0, -3, 1)), ('clone3', 435, (buffer, 88)),
                           ('open_by_handle', 304, (0, buffer, 0)), ('x32 socket', 0x40000000 + 41, (2, 1, 0)),
                           ('socket', 41, (2, 1, 0)), ('mount_setattr', 442, (-100, buffer, 0, buffer, 32)), ('fsopen', 430, (b'tmpfs', 0))):
    if libc.syscall(number, *args) >= 0: print('ESCAPED', name)
print('HELD')"),
    held("a program in memory", "
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
try: fd = os.memfd_create('x'); print('ESCAPED memfd')
except OSError: pass
if libc.syscall(322, os.open('/bin/true', os.O_RDONLY), b'', None, None, 0x1000) == 0: print('ESCAPED execveat')
print('HELD')"),
    held("letters into a terminal", "
import fcntl, os, termios
for path in ('/dev/tty', '/dev/console', '/dev/pts/0', '/dev/ptmx', '/dev/mem', '/dev/kmsg', '/dev/vda'):
    try: fd = os.open(path, os.O_RDWR); print('ESCAPED', path)
    except OSError: pass
for fd in (0, 1, 2):
    try: fcntl.ioctl(fd, termios.TIOCSTI, b'x'); print('ESCAPED')
    except OSError: pass
print('HELD')"),
];
