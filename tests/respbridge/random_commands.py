"""Random commands for the tests that compare kvfs with Redis: valid ones, and ones with wrong numbers and kinds of
arguments."""

KEYS = ["a", "b", "c", "dir/x", "dir/y", "user:1", "z", b"\x00\r\n\xff key", "%:x", "..", "a b"]
SETS = ["s1", "s2", "s3", "a"]
MEMBERS = ["1", "2", "3", "10", "x", "y", "a b", "line\nfeed", "back\\slash", "-5", "", b"\x00\xff\r\n"]
VALUES = ["", "1", "5", "-7", "10", "hello", "3.5", "abc\r\ndef", "9223372036854775807", "x" * 70, "007",
          bytes(range(256)), b"\x00", "x" * 5000]
COUNTS = ["0", "1", "-1", "2", "5", "-3", "100", "x"]
# With any of these words after any of these names: mostly errors, which must be worded alike.
ODD_NAMES = (
    "GET SET SETNX GETSET GETDEL MGET MSET MSETNX INCR DECRBY INCRBYFLOAT APPEND STRLEN GETRANGE SUBSTR "
    "SETRANGE SETBIT GETBIT BITCOUNT BITPOS BITOP BITFIELD BITFIELD_RO LCS SADD SREM SMEMBERS SISMEMBER "
    "SMISMEMBER SCARD SINTER SINTERCARD SUNIONSTORE SDIFFSTORE SMOVE DEL UNLINK EXISTS TYPE TOUCH RENAME "
    "RENAMENX COPY MOVE PERSIST TTL PTTL KEYS WAIT PUBLISH UNWATCH DBSIZE ECHO").split()
ODD_WORDS = ["\xff\r\n", " 1", "1 "] + (
    "a s1 none 0 1 -1 2 1.5 99999999999999999999 9223372036854775807 -9223372036854775808 NX XX GET KEEPTTL "
    "LIMIT STORE LEN IDX MINMATCHLEN WITHMATCHLEN BIT BYTE AND NOT u8 i64 #1 OVERFLOW SAT INCRBY DB REPLACE "
    "1e400 nan inf +1").split()


def commands(rng):
    key = lambda: rng.choice(KEYS)
    anykey = lambda: rng.choice(KEYS + SETS)
    skey = lambda: rng.choice(SETS)
    value = lambda: rng.choice(VALUES)
    member = lambda: rng.choice(MEMBERS)
    count = lambda: rng.choice(COUNTS)
    some = lambda pick, low=1, high=3: [pick() for _ in range(rng.randint(low, high))]
    case = lambda word: rng.choice([word, word.lower(), word.upper()])
    bit = lambda: str(rng.randrange(0, 100))
    ttl = lambda: rng.choice(["100", "1000", "-1", "0", "x", "99999999999999999"])
    # Nothing may expire while the test runs: the two would do so at different times.
    ttl_ms = lambda: rng.choice(["1000000", "9000000", "-1", "0", "x", "99999999999999999"])
    field = lambda: rng.choice(["u8", "i8", "u4", "i16", "u1", "i64", "u63", "u64", "x"])
    place = lambda: rng.choice(["0", "7", "#1", "#0", "20", "-1"])
    operation = lambda: rng.choice([
        ["GET", field(), place()], ["SET", field(), place(), rng.choice(["1", "-1", "300", "77"])],
        ["INCRBY", field(), place(), rng.choice(["1", "-1", "100", "300"])],
        ["OVERFLOW", rng.choice(["WRAP", "SAT", "FAIL", "NO"])]])
    choices = [
        lambda: ["GET", anykey()],
        lambda: ["SET", key(), value()],
        lambda: ["SET", anykey(), value(), *rng.sample(["NX", "XX", "GET", "KEEPTTL"], rng.randint(0, 2))],
        lambda: ["SET", key(), value(), *rng.choice([["EX", ttl()], ["PX", ttl_ms()]])],
        lambda: ["SETNX", anykey(), value()],
        lambda: ["SETEX", key(), ttl(), value()],
        lambda: ["PSETEX", key(), rng.choice(["100000", "0", "x"]), value()],
        lambda: ["GETSET", anykey(), value()],
        lambda: ["GETDEL", anykey()],
        lambda: ["GETEX", anykey(), *rng.choice([[], ["PERSIST"], ["EX", "100"], ["PX", "x"], ["EX"], ["EX", "0"]])],
        lambda: ["MGET", *some(anykey)],
        lambda: ["MSET", *[x for _ in range(rng.randint(1, 3)) for x in (key(), value())]],
        lambda: ["MSETNX", *[x for _ in range(rng.randint(1, 2)) for x in (anykey(), value())]],
        lambda: [rng.choice(["INCR", "DECR"]), anykey()],
        lambda: [rng.choice(["INCRBY", "DECRBY"]), key(), rng.choice(["1", "-5", "x", "9223372036854775807"])],
        lambda: ["INCRBYFLOAT", key(), rng.choice(["0.5", "-1.25", "3", "x", "1e3"])],
        lambda: ["APPEND", anykey(), value()],
        lambda: ["STRLEN", anykey()],
        lambda: [rng.choice(["GETRANGE", "SUBSTR"]), anykey(), count(), count()],
        lambda: ["SETRANGE", anykey(), rng.choice(["0", "3", "10", "-1", "x"]), value()],
        lambda: ["SETBIT", anykey(), rng.choice([bit(), "-1", "x"]), rng.choice(["0", "1", "2"])],
        lambda: ["GETBIT", anykey(), rng.choice([bit(), "-1"])],
        lambda: ["BITCOUNT", anykey(), *rng.choice([[], [count(), count()], [count(), count(), "BIT"], [count()]])],
        lambda: ["BITPOS", anykey(), rng.choice(["0", "1", "2"]),
                 *rng.choice([[], [count()], [count(), count()], [count(), count(), "BIT"]])],
        lambda: ["BITOP", rng.choice(["AND", "OR", "XOR", "NOT", "NOP"]), key(), *some(anykey, 1, 2)],
        lambda: ["BITFIELD", anykey(), *[w for _ in range(rng.randint(0, 3)) for w in operation()]],
        lambda: ["LCS", key(), key(), *rng.choice([[], ["LEN"], ["IDX"], ["IDX", "WITHMATCHLEN"], ["LEN", "IDX"],
                                                   ["IDX", "MINMATCHLEN", "2"]])],
        lambda: ["DEL", *some(anykey)],
        lambda: ["UNLINK", *some(anykey)],
        lambda: ["EXISTS", *some(anykey)],
        lambda: ["TOUCH", *some(anykey)],
        lambda: ["TYPE", anykey()],
        lambda: ["RENAME", anykey(), anykey()],
        lambda: ["RENAMENX", anykey(), anykey()],
        lambda: ["COPY", anykey(), anykey(), *rng.choice([[], ["REPLACE"], ["DB", "1"], ["DB", "99"], ["NO"]])],
        lambda: ["MOVE", anykey(), rng.choice(["0", "1", "99", "x"])],
        lambda: ["SELECT", rng.choice(["0", "0", "0", "1", "99", "x"])],
        lambda: ["DBSIZE"],
        lambda: ["KEYS", rng.choice(["*", "a*", "?", "dir/*", "[a-c]", "s[^1]"])],
        lambda: [*rng.choice([["EXPIRE", anykey(), ttl()], ["PEXPIRE", anykey(), ttl_ms()]]),
                 *rng.choice([[], ["NX"], ["XX"], ["GT"], ["LT"], ["NX", "XX"], ["GT", "LT"], ["NO"]])],
        lambda: [rng.choice(["EXPIREAT", "PEXPIREAT"]), anykey(), rng.choice(["4102444800000", "1", "x"])],
        lambda: ["PERSIST", anykey()],
        lambda: ["TTL", anykey()],
        lambda: ["SADD", skey(), *some(member)],
        lambda: ["SREM", skey(), *some(member)],
        lambda: ["SMEMBERS", skey()],
        lambda: ["SCARD", skey()],
        lambda: ["SISMEMBER", skey(), member()],
        lambda: ["SMISMEMBER", skey(), *some(member)],
        lambda: ["SMOVE", skey(), skey(), member()],
        lambda: [rng.choice(["SINTER", "SUNION", "SDIFF"]), *some(skey)],
        lambda: [rng.choice(["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]), rng.choice(SETS + KEYS), *some(skey)],
        lambda: ["SINTERCARD", rng.choice(["1", "2", "0", "9", "x"]), skey(), skey(),
                 *rng.choice([[], ["LIMIT", "1"], ["LIMIT", "-1"], ["NO"]])],
        lambda: ["SPOP", skey(), "100"],
        lambda: ["SRANDMEMBER", skey(), rng.choice(["100", "0", "x"])],
        lambda: ["SORT", skey(), *rng.choice([[], ["ALPHA"], ["DESC"], ["ALPHA", "LIMIT", "1", "2"], ["BY", "nosort"],
                                              ["ALPHA", "GET", "#", "GET", "user:*"]])],
        lambda: ["EXPIRETIME", anykey()],
        lambda: ["PEXPIRETIME", anykey()],
        lambda: ["PTTL", anykey()],
        lambda: ["SET", anykey(), value(), *rng.choice([
            ["EXAT", "4102444800"], ["PXAT", "4102444800000"], ["EXAT", "0"], ["PXAT", "-1"], ["EX", "100", "KEEPTTL"],
            ["EX", "5", "PX", "5"]]), *rng.sample(["NX", "XX", "GET"], rng.randint(0, 2))],
        lambda: ["GETEX", anykey(), *rng.choice([["EXAT", "4102444800"], ["PXAT", "1"], ["PERSIST", "EX", "5"]])],
        lambda: ["SPOP", skey(), *rng.choice([["0"], ["-1"], ["x"], ["100", "1"]])],
        lambda: ["SRANDMEMBER", skey(), *rng.choice([["-9223372036854775808"], ["1", "2"], ["0"]])],
        lambda: ["SMISMEMBER", anykey(), *some(member)],
        lambda: ["SADD", anykey(), *some(value)],
        lambda: ["SDIFF", *some(skey)],
        lambda: ["SINTERCARD", "2", skey(), skey(), "LIMIT", count()],
        lambda: ["RESTORE", key(), rng.choice(["0", "-1", "x"]), rng.choice(["", "junk", "\x00\x01a\x0a\x00"])],
        lambda: ["SSCAN", skey(), rng.choice(["x", "0"]), *rng.choice([
            ["COUNT", "1000"], ["COUNT", "0"], ["MATCH", "*1*", "COUNT", "1000"], ["TYPE", "set"]])],
        lambda: ["SCAN", rng.choice(["x", "0"]), *rng.choice([
            ["COUNT", "1000"], ["COUNT", "0"], ["COUNT", "100", "TYPE", "set"], ["COUNT", "100", "TYPE", "nosuch"],
            ["MATCH"], ["COUNT", "100", "MATCH", "[a-c]"]])],
        lambda: (["SWAPDB", rng.choice(["0", "1", "x"]), rng.choice(["1", "0", "99"])] if rng.random() < 0.2
                 else ["PING"]),
        lambda: ["RANDOMKEY", "x"],
        lambda: ["HELLO", rng.choice(["1", "x", "4"])],
        lambda: ["AUTH", *some(value, 1, 3)],
        lambda: ["ACL", rng.choice(["CAT", "GETUSER", "GENPASS", "NOSUCH"]), "x"],
        lambda: ["CLIENT", rng.choice(["SETNAME", "GETNAME", "REPLY", "KILL", "PAUSE", "NO-EVICT"]),
                 rng.choice(["x", "a b"])],
        lambda: ["COMMAND", rng.choice(["GETKEYS", "GETKEYSANDFLAGS"]), rng.choice(ODD_NAMES), *some(anykey, 0, 4)],
        lambda: ["SORT", anykey(), *rng.choice([["STORE"], ["LIMIT", "0"], ["LIMIT", "0", "-1", "ALPHA"],
                                                ["GET", "user:*", "ALPHA", "DESC"], ["BY", "user:*", "ALPHA"]])],
        lambda: ["BITFIELD_RO", anykey(), *rng.choice([["GET", field(), place()], ["SET", "u8", "0", "1"]])],
        lambda: ["BITCOUNT", anykey(), count(), count(), rng.choice(["BYTE", "BIT", "NO"])],
        lambda: ["LCS", anykey(), anykey(), *rng.choice([
            ["IDX", "WITHMATCHLEN", "MINMATCHLEN", "1"], ["MINMATCHLEN", "x"]])],
        lambda: ["DUMP", "nosuch"],
        lambda: ["PUBSUB", rng.choice(["CHANNELS", "NUMSUB", "NUMPAT", "SHARDCHANNELS", "NOSUCH"])],
        lambda: ["SETRANGE", key()],
        lambda: [rng.choice(["PING", "ECHO", "TIME", "NOSUCH", "OBJECT", "CLIENT"]),
                 *some(lambda: rng.choice(VALUES[:11]), 2, 3)],
        lambda: ["OBJECT", "NOSUCH", key()],
        *[lambda: [rng.choice(ODD_NAMES), *some(lambda: rng.choice(ODD_WORDS), 0, 5)] for _ in range(8)],
        lambda: ["FLUSHDB"] if rng.random() < 0.1 else ["PING"],
        lambda: ["DISCARD"],
        lambda: ["EXEC"],
        lambda: ["MULTI"],
        lambda: ["WATCH", *some(anykey)],
        lambda: ["WATCH", *some(anykey)],
        lambda: ["UNWATCH"],
        lambda: ["PUBLISH", "channel", value()],
    ]
    while True:
        command = rng.choice(choices)()
        command[0] = case(command[0])
        yield command
