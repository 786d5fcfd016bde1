#!/usr/bin/python3
"""What other clients notice while a mass of keys expires at once, in kvfs and in Redis, one after the other.

    contrib/bench/expiry.py [--kvfs build/kvfs] [--keys 1000000] [--fsync interval=1000] [--rounds 1]

One client sends GET and SET of other keys by turns, each when the one before is answered, first for some seconds
at rest, and then until the last of the keys has gone (INFO, expired_keys). kvfs's store lies on disk; Redis appends
to a file, appendfsync everysec."""

import argparse
import shutil
import subprocess
import tempfile
import threading
import time

from redis_connection import Connection, free_port

PIPELINE = 1000
REST_S = 5
VALUE = b"x" * 100


def load(connection, keys, at_s):
    for start in range(0, keys, PIPELINE):
        connection.socket.sendall(b"".join(
            connection.packed("SET", "mass:%d" % i, VALUE, "EXAT", at_s)
            for i in range(start, min(keys, start + PIPELINE))))
        for _ in range(start, min(keys, start + PIPELINE)):
            connection.read()


def measure(connection, going):
    """Milliseconds of each command while going()."""
    took = []
    turn = 0
    while going():
        turn += 1
        begin = time.perf_counter()
        if turn % 2:
            connection.call("SET", "other:%d" % (turn % 1000), VALUE)
        else:
            connection.call("GET", "other:%d" % ((turn - 1) % 1000))
        took.append((time.perf_counter() - begin) * 1000)
    return sorted(took)


def told(took):
    def share(part):
        return took[min(len(took) - 1, int(len(took) * part))]
    return "%7d commands, median %.3f ms, 99 %% %.3f, 99.9 %% %.3f, longest %.1f" % (
        len(took), share(0.5), share(0.99), share(0.999), took[-1])


def run(name, command, port, keys):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        watcher, other = Connection(port), Connection(port)
        # The keys expire when all of them are there: how long that takes is measured by a tenth of them.
        begin = time.monotonic()
        load(watcher, keys // 10, int(time.time()) + 10_000)
        at_s = int(time.time() + (time.monotonic() - begin) * 20 + 5 + REST_S)
        load(watcher, keys, at_s)
        if time.time() + REST_S > at_s:
            raise RuntimeError("loading took longer than expected: try again")
        until = time.monotonic() + REST_S
        print("%-6s at rest   %s" % (name, told(measure(other, lambda: time.monotonic() < until))), flush=True)
        time.sleep(max(0, at_s - time.time()))
        begin = time.monotonic()
        gone = threading.Event()

        def watch():
            while watcher.info("stats", "expired_keys") < keys and time.monotonic() < begin + 300:
                time.sleep(0.1)
            gone.set()

        watching = threading.Thread(target=watch)
        watching.start()
        took = measure(other, lambda: not gone.is_set())
        watching.join()
        print("%-6s expiring  %s; all gone after %.1f s" % (name, told(took), time.monotonic() - begin), flush=True)
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kvfs", default="build/kvfs")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--fsync", default="interval=1000")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    for _ in range(options.rounds):
        directory = tempfile.mkdtemp(prefix="kvfs-expiry-")
        try:
            port = free_port()
            run("kvfs", [options.kvfs, "serve", "-o", "store.path=%s/store,store.fsync=%s,http.listen=,"
                         "resp.listen=127.0.0.1:%d" % (directory, options.fsync, port)], port, options.keys)
            port = free_port()
            run("redis", ["redis-server", "--port", str(port), "--save", "", "--appendonly", "yes", "--appendfsync",
                          "everysec", "--dir", directory], port, options.keys)
        finally:
            shutil.rmtree(directory)


if __name__ == "__main__":
    main()
