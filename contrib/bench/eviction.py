#!/usr/bin/python3
"""Hit rates of kvfs's eviction policies beside Redis's and exact LRU, for the same traces of keys.

    contrib/bench/eviction.py [--kvfs build/kvfs] [--uses 60000] [--cache 2000]

Each use of a key is a GET, and a SET where that finds nothing. Redis is given the memory that --cache keys take in it,
kvfs and exact LRU the number of keys that it then held, in the mean over the second half of the trace."""

import argparse
import bisect
import collections
import itertools
import random
import shutil
import subprocess
import tempfile

from redis_connection import Connection, free_port

POLICIES = ["allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-arc"]
VALUE = "x" * 1000  # so that what else is in Redis's memory weighs little


def zipf_trace(uses, keys, skew, scan_each, scan_keys, seed):
    """With scan_each, after so many uses scan_keys others are read once each and never again."""
    generator = random.Random(seed)
    sums = list(itertools.accumulate(1 / (k + 1) ** skew for k in range(keys)))
    names = list(range(keys))
    generator.shuffle(names)
    trace, scanned = [], keys
    for i in itertools.count(1):
        if len(trace) >= uses:
            return trace[:uses]
        trace.append(names[bisect.bisect_left(sums, generator.random() * sums[-1])])
        if scan_each and i % scan_each == 0:
            trace.extend(range(scanned, scanned + scan_keys))
            scanned += scan_keys


def exact_lru(trace, size):
    held, hits = collections.OrderedDict(), 0
    for key in trace:
        if key in held:
            hits += 1
            held.move_to_end(key)
        else:
            if len(held) >= size:
                held.popitem(last=False)
            held[key] = True
    return hits / len(trace)


class Server:
    def __init__(self, command, port):
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.connection = Connection(port)
        self.call = self.connection.call

    def memory(self):
        return self.connection.info("memory", "used_memory")

    def replay(self, trace):
        """The share of hits, and the mean number of keys held in the second half."""
        hits, sizes = 0, []
        for at, number in enumerate(trace):
            key = "key:%010d" % number
            if self.call("GET", key) is None:
                self.call("SET", key, VALUE)
            else:
                hits += 1
            if at > len(trace) // 2 and at % 100 == 0:
                sizes.append(self.call("DBSIZE"))
        return hits / len(trace), sum(sizes) // len(sizes)

    def stop(self):
        self.connection.socket.close()
        self.process.terminate()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kvfs", default="build/kvfs")
    parser.add_argument("--uses", type=int, default=60000)
    parser.add_argument("--cache", type=int, default=2000)
    options = parser.parse_args()
    port = free_port()
    directory = tempfile.mkdtemp()
    redis = Server(["redis-server", "--port", str(port), "--save", "", "--dir", directory], port)
    for i in range(options.cache):
        redis.call("SET", "key:%010d" % i, VALUE)
    memory = redis.memory()
    traces = {"zipf 0.9": zipf_trace(options.uses, 20000, 0.9, 0, 0, 1),
              "zipf 0.9, scans": zipf_trace(options.uses, 20000, 0.9, 3000, 3000, 1)}
    try:
        for name, trace in traces.items():
            for policy in POLICIES:
                redis_rate, held = None, options.cache
                if policy != "allkeys-arc":
                    redis.call("CONFIG", "SET", "maxmemory", "0")
                    redis.call("FLUSHALL")
                    redis.call("CONFIG", "SET", "maxmemory-policy", policy)
                    redis.call("CONFIG", "SET", "maxmemory", str(memory))
                    redis_rate, held = redis.replay(trace)
                kvfs_port = free_port()
                kvfs = Server([options.kvfs, "serve", "-o", "store.engine=memory,store.path=%s,http.listen=,"
                               "resp.listen=127.0.0.1:%d" % (directory, kvfs_port)], kvfs_port)
                try:
                    kvfs.call("CONFIG", "SET", "maxkeys", held)
                    kvfs.call("CONFIG", "SET", "maxmemory-policy", policy)
                    rate, _ = kvfs.replay(trace)
                finally:
                    kvfs.stop()
                shown = "-" if redis_rate is None else "%.3f" % redis_rate
                print("%-16s %-15s keys %5d  kvfs %.3f  redis %s  exact LRU %.3f"
                      % (name, policy, held, rate, shown, exact_lru(trace, held)), flush=True)
    finally:
        redis.stop()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
