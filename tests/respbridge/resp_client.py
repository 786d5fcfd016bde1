"""A small client of the Redis protocol and the two servers that the tests compare. Nothing but the standard library."""

import os
import shutil
import socket
import subprocess
import tempfile
import time


class Error(str):
    """An error reply."""


class Status(str):
    """A simple string."""


class Set(list):
    """A set of version 3."""


class Double(str):
    """A floating-point number of version 3, as it was sent."""


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def send(self, *args):
        parts = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
        out = b"*%d\r\n" % len(parts)
        for part in parts:
            out += b"$%d\r\n%s\r\n" % (len(part), part)
        self.socket.sendall(out)

    def read(self):
        line = self.file.readline()
        if not line:
            raise EOFError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return Status(rest.decode("latin-1"))
        if kind == b"-":
            return Error(rest.decode("latin-1"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self.file.read(length + 2)[:-2]
        if kind == b"_":
            return None
        if kind == b"%":
            return {self.read(): self.read() for _ in range(int(rest))}
        if kind == b",":
            return Double(rest.decode("latin-1"))
        if kind == b"#":
            return rest == b"t"
        if kind == b"=":
            return self.file.read(int(rest) + 2)[:-2]
        if kind in b"*~>":
            count = int(rest)
            items = None if count < 0 else [self.read() for _ in range(count)]
            return Set(items) if kind == b"~" else items
        raise ValueError("unexpected reply %r" % line)

    def call(self, *args):
        self.send(*args)
        return self.read()


class Servers:
    """kvfs's door and, if it is installed, a redis-server, each on a Unix socket in a directory of its own."""

    def __init__(self, door, with_redis=True, door_options=()):
        self.directory = tempfile.mkdtemp(prefix="kvfs-resp-")
        self.children = []
        self.kvfs_path = os.path.join(self.directory, "kvfs.sock")
        self.redis_path = os.path.join(self.directory, "redis.sock")
        kvfs = subprocess.Popen(
            [door, "--listen", "unix:" + self.kvfs_path, *door_options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.children.append(kvfs)
        self.ports = [int(port) for port in kvfs.stdout.readline().split()]
        self.kvfs_port = self.ports[0]
        if with_redis:
            self.children.append(subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", self.redis_path, "--save", "", "--dir", self.directory,
                 "--enable-debug-command", "yes"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for child in self.children:
            if child.stdin:
                child.stdin.close()
            child.terminate()
            child.wait(30)
        shutil.rmtree(self.directory)

    @staticmethod
    def connect(path):
        deadline = time.monotonic() + 30
        while True:
            try:
                return Connection(path)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
