#!/usr/bin/python3
"""Random commands to kvfs and to a real redis-server: every reply must be the same. Two clients take turns, one speaks
version 2 of the protocol and one version 3; they send pipelines, cut into pieces anywhere, some commands as lines. The
seed is printed; give it in KVFS_SEED to repeat a run."""

import os
import random
import shutil
import sys

from random_commands import KEYS, SETS, commands
from resp_client import Error, Servers

UNORDERED = {"SMEMBERS", "SINTER", "SUNION", "SDIFF", "KEYS", "SPOP", "SRANDMEMBER"}
# They tell when: the two run at different times, on machines with other things to do.
TIMES = {"TTL": 30, "PTTL": 30_000, "EXPIRETIME": 30, "PEXPIRETIME": 30_000}
INCOMPARABLE = {"TIME"}
PIPELINE_MAX = 12


def kind(reply):
    return (type(reply).__name__, [kind(each) for each in reply] if isinstance(reply, list) else reply)


def same_reply(command, ours, theirs):
    name = command[0].upper()
    if name in TIMES and isinstance(ours, int) and isinstance(theirs, int) and ours > 0 and theirs > 0:
        return abs(ours - theirs) <= TIMES[name]
    if isinstance(ours, Error) and isinstance(theirs, Error) and name == "SORT":
        return ours[:3] == theirs[:3]
    # Redis compares members up to their first NUL.
    if name == "SORT" and isinstance(ours, list) and any(b"\0" in each for each in ours + theirs if each is not None):
        return len(ours) == len(theirs)
    # What BY makes equal comes in any order.
    unordered = name in UNORDERED or (name == "SORT" and "BY" in command[2:])
    if name in ("SCAN", "SSCAN") and isinstance(ours, list) and isinstance(theirs, list):
        return ours[0] == theirs[0] and sorted(ours[1]) == sorted(theirs[1])
    if unordered and isinstance(ours, list) and isinstance(theirs, list):
        return type(ours) is type(theirs) and sorted(ours) == sorted(theirs)
    return kind(ours) == kind(theirs)


def same_exec(queued, ours, theirs):
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return kind(ours) == kind(theirs)
    return len(ours) == len(theirs) and all(map(same_reply, queued, ours, theirs))


def encoded(rng, command):
    """As an array, or, where that is possible, sometimes as a line."""
    words = [word if isinstance(word, bytes) else word.encode("latin-1") for word in command]
    if rng.random() < 0.1 and all(word and word.isalnum() for word in words):
        return b" ".join(words) + rng.choice([b"\r\n", b"\n"])
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Pair:
    """The same client of both."""

    def __init__(self, servers, protocol):
        self.kvfs, self.redis = servers.connect(servers.kvfs_path), servers.connect(servers.redis_path)
        for connection in (self.kvfs, self.redis):
            if protocol == 3:
                connection.call("HELLO", "3")
        self.protocol = protocol
        self.queued = []

    def send(self, rng, batch):
        sent = b"".join(encoded(rng, command) for command in batch)
        cuts = sorted(rng.randrange(len(sent) + 1) for _ in range(rng.choice([0, 0, 1, 3])))
        for begin, end in zip([0, *cuts], [*cuts, len(sent)]):
            self.kvfs.socket.sendall(sent[begin:end])
        self.redis.socket.sendall(sent)

    def compare(self, command):
        """Reads a reply of both: it, the other, and whether they are the same."""
        ours, theirs = self.kvfs.read(), self.redis.read()
        name = command[0].upper()
        same = same_exec(self.queued, ours, theirs) if name == "EXEC" else same_reply(command, ours, theirs)
        if ours == "QUEUED":
            self.queued.append(command)
        elif name in ("EXEC", "DISCARD"):
            self.queued = []
        return ours, theirs, same


def run(servers, rng, rounds):
    """False: something differed, and has been told."""
    pairs = [Pair(servers, 2), Pair(servers, 3)]
    source = (command for command in commands(rng) if command[0].upper() not in INCOMPARABLE)
    history = []
    while rounds > 0:
        pair = rng.choice(pairs)
        batch = [next(source) for _ in range(rng.choice([1, 1, 1, rng.randint(2, PIPELINE_MAX)]))]
        rounds -= len(batch)
        pair.send(rng, batch)
        for command in batch:
            ours, theirs, same = pair.compare(command)
            history.append((pair.protocol, command, ours))
            if not same:
                print("RESP%d %r\n kvfs:  %r\n redis: %r\nbefore it:" % (pair.protocol, command, ours, theirs))
                for earlier in history[-16:-1]:
                    print("  RESP%d %r -> %r" % (earlier[0], earlier[1], str(earlier[2])[:200]))
                return False
    return carry(pairs[0])


def carry(pair):
    """What is left must be the same, and must go from one to the other and back by DUMP and RESTORE."""
    kvfs, redis = pair.kvfs, pair.redis
    for connection in (kvfs, redis):
        connection.call("DISCARD")
        connection.call("SELECT", "0")
    for key in sorted({key if isinstance(key, bytes) else key.encode("latin-1") for key in KEYS + SETS}):
        ours, theirs = kvfs.call("DUMP", key), redis.call("DUMP", key)
        if (ours is None) != (theirs is None):
            print("key %r is there for one only" % key)
            return False
        if ours is None:
            continue
        if redis.call("RESTORE", "copy", "0", ours, "REPLACE") != "OK":
            print("redis does not take the DUMP of %r" % key)
            return False
        if kvfs.call("RESTORE", "copy", "0", theirs, "REPLACE") != "OK":
            print("kvfs does not take redis's DUMP of %r" % key)
            return False
        reader = ["SMEMBERS", "copy"] if kvfs.call("TYPE", key) == "set" else ["GET", "copy"]
        if not same_reply(reader, kvfs.call(*reader), redis.call(*reader)):
            print("key %r differs after it was carried" % key)
            return False
    return True


def main():
    if not shutil.which("redis-server"):
        print("no redis-server is installed")
        return 77
    # The same commands each time, so that a failure is of the change under test; KVFS_SEED=random explores.
    given = os.environ.get("KVFS_SEED", "1")
    seed = random.randrange(1 << 30) if given == "random" else int(given)
    rounds = int(os.environ.get("KVFS_ROUNDS", 6000))
    print("KVFS_SEED=%d" % seed, flush=True)
    with Servers(sys.argv[1]) as servers:
        return 0 if run(servers, random.Random(seed), rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
