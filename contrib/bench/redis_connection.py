"""A connection to a server that speaks RESP2, for the benchmarks beside this file."""

import socket
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Connection:
    def __init__(self, port):
        """Waits for a server that is only starting."""
        for _ in range(300):
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=300)
                break
            except OSError:
                time.sleep(0.1)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    @staticmethod
    def packed(*words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)

    def read(self):
        """A number, bytes, or None; errors are raised."""
        line = self.file.readline().rstrip()
        if line[:1] == b"-":
            raise RuntimeError(line.decode())
        if line[:1] == b"$":
            return None if line == b"$-1" else self.file.read(int(line[1:]) + 2)[:-2]
        return int(line[1:]) if line[:1] == b":" else line[1:]

    def call(self, *words):
        self.socket.sendall(self.packed(*words))
        return self.read()

    def info(self, section, field):
        return int(self.call("INFO", section).split(field.encode() + b":")[1].split()[0])
