#!/usr/bin/python3
"""The scripts beside this file, line by line to kvfs and to a real redis-server, in both versions of the protocol:
every reply and every message must be the same. A line is a command as typed ("2> " before it: by a second client), or

    SILENT command   nothing is read, what it brings about comes with the next READ
    READ             what has come in since, in order
    RAW bytes        as they are, as a literal of Python; what comes until the server waits or ends the connection
    NEW              the client is replaced by another one"""

import glob
import os
import re
import shlex
import shutil
import sys

from resp_client import Servers

# Sets have no order.
UNORDERED = {"smembers", "sinter", "sunion", "sdiff", "keys"}
ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")
QUIET_S = 0.5  # only for RAW: how long a server that waits for more says nothing


class Client:
    def __init__(self, servers, path, protocol):
        self.servers, self.path, self.protocol = servers, path, protocol
        self.begin()

    def begin(self):
        self.connection = self.servers.connect(self.path)
        if self.protocol == 3:
            self.connection.call("HELLO", "3")

    def read(self):
        """A reply as a tree of its lines, types included."""
        line = self.connection.file.readline()
        if not line:
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind in (b"$", b"=") and rest != b"-1":
            return line[:1] + self.connection.file.read(int(rest) + 2)[:-2]
        if kind in b"*~>" and rest != b"-1":
            return [kind] + [self.read() for _ in range(int(rest))]
        if kind == b"%":
            return [kind] + [self.read() for _ in range(2 * int(rest))]
        return line[:-2]

    def call(self, words):
        try:
            self.connection.send(*words)
            return self.read()
        except (EOFError, ConnectionError):
            self.begin()
            return b"closed"

    def messages(self, at_least):
        """Those that have come: so many, and what comes before the answer to a PING."""
        out = []
        try:
            while len(out) < at_least:
                out.append(self.read())
        except TimeoutError:
            out.append(b"nothing more")
            self.connection.file = self.connection.socket.makefile("rb")
        self.connection.send("PING", "to the end")
        while True:
            reply = self.read()
            if b"$to the end" in (reply if isinstance(reply, list) else [reply]):
                return out
            out.append(reply)

    def raw(self, sent, at_least):
        """Replies until the server is quiet, for `at_least` of which it has all the time it needs."""
        self.connection.socket.sendall(sent)
        out = []
        try:
            while True:
                self.connection.socket.settimeout(30 if len(out) < at_least else QUIET_S)
                out.append(self.read())
        except TimeoutError:
            self.connection.file = self.connection.socket.makefile("rb")
            self.connection.socket.settimeout(30)
        except (EOFError, ConnectionError):
            out.append(b"closed")
        return out


def words_of(line):
    return [ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), word.encode("latin-1")) for word in shlex.split(line)]


def comparable(words, reply):
    if words and words[0].decode("latin-1").lower() in UNORDERED and isinstance(reply, list):
        return reply[:1] + sorted(reply[1:])
    return reply


def arranged(messages):
    """Misses are told at once, changes after their commit: of two kinds, each in order."""
    return sorted(messages, key=lambda message: b"keymiss" in repr(message).encode())


def step(ours, theirs, line):
    """The replies of both to a line of a script."""
    if line == "NEW":
        ours.begin()
        theirs.begin()
        return None, None
    if line == "READ":
        expected = theirs.messages(0)
        return arranged(ours.messages(len(expected))), arranged(expected)
    if line.startswith("RAW "):
        sent = eval(line[4:])  # a literal of this repository
        expected = theirs.raw(sent, 0)
        replies = ours.raw(sent, len(expected)), expected
        for client, reply in zip((ours, theirs), replies):
            if b"closed" in reply:
                client.begin()
        return replies
    if line.startswith("SILENT "):
        for client in (ours, theirs):
            client.connection.send(*words_of(line[7:]))
        return None, None
    words = words_of(line)
    return comparable(words, ours.call(words)), comparable(words, theirs.call(words))


def run(door, script, protocol):
    differences = 0
    with Servers(door) as servers:
        clients = {}
        for at, line in enumerate(open(script), 1):
            line = line.rstrip("\n")
            if not line or line.startswith("##"):
                continue
            number, line = re.match(r"(?:(\d)> )?(.*)", line).groups()
            if number not in clients:
                clients[number] = [Client(servers, path, protocol) for path in (servers.kvfs_path, servers.redis_path)]
            ours, theirs = step(*clients[number], line)
            if ours != theirs:
                differences += 1
                print("%s:%d, RESP%d: %s\n kvfs:  %s\n redis: %s" %
                      (os.path.basename(script), at, protocol, line, str(ours)[:500], str(theirs)[:500]), flush=True)
    return differences


def main():
    if not shutil.which("redis-server"):
        print("no redis-server is installed")
        return 77
    wanted = os.environ.get("KVFS_SCRIPT", "*")
    scripts = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts", wanted + ".txt")))
    return 1 if sum(run(sys.argv[1], script, protocol) for script in scripts for protocol in (2, 3)) else 0


if __name__ == "__main__":
    sys.exit(main())
