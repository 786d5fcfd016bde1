#!/usr/bin/python3
"""redis-cli, redis-benchmark and python3-redis against the door, over TCP and a Unix socket."""

import os
import select
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import redis
except ImportError:
    redis = None

from resp_client import Servers

DOOR = None


class ClientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.servers = Servers(DOOR, with_redis=False)
        cls.port = str(cls.servers.kvfs_port)

    @classmethod
    def tearDownClass(cls):
        cls.servers.__exit__()

    def cli(self, *args, **more):
        return subprocess.run(["redis-cli", "-p", self.port, *args], capture_output=True, timeout=60, check=True,
                              text=True, **more).stdout

    def await_info(self, client, line):
        """Until INFO clients has the line; the suite's time is the limit."""
        while line not in client.call("INFO", "clients"):
            pass

    def test_redis_cli_sets_gets_and_scans(self):
        self.assertEqual(self.cli("SET", "cli/a", "1"), "OK\n")
        self.assertEqual(self.cli("-3", "GET", "cli/a"), "1\n")
        self.assertEqual(self.cli("--scan", "--pattern", "cli/*"), "cli/a\n")
        self.assertEqual(self.cli(input="SET cli/b 2\nINCR cli/b\nGET cli/b\n"), "OK\n3\n3\n")

    def test_redis_cli_pipe_loads_masses(self):
        commands = "".join("SET mass/%d %d\r\n" % (i, i) for i in range(5000))
        self.assertIn("errors: 0, replies: 5000", self.cli("--pipe", input=commands))
        self.assertEqual(self.cli("GET", "mass/4999"), "4999\n")

    def test_redis_benchmark_runs_every_test_of_the_commands_there_are(self):
        out = subprocess.run(["redis-benchmark", "-p", self.port, "-t", "ping,set,get,incr,sadd,spop,mset", "-n", "500",
                              "-c", "10", "-P", "4", "-r", "100", "--csv"], capture_output=True, timeout=120, text=True)
        self.assertEqual(out.returncode, 0)
        self.assertNotIn("ERR", out.stdout + out.stderr)
        for name in ("PING_MBULK", "SET", "GET", "INCR", "SADD", "SPOP", "MSET (10 keys)"):
            self.assertIn('"%s"' % name, out.stdout)

    @unittest.skipUnless(redis, "python3-redis is not installed")
    def test_python_redis_works_by_tcp_and_unix_socket(self):
        for client in (redis.Redis(port=int(self.port)), redis.Redis(unix_socket_path=self.servers.kvfs_path)):
            client.flushall()
            self.assertTrue(client.set("k", b"\x00\xff", ex=100))
            self.assertEqual(client.get("k"), b"\x00\xff")
            self.assertIn(client.ttl("k"), (99, 100))
            with client.pipeline(transaction=True) as pipe:
                self.assertEqual(pipe.incr("n").incr("n").get("n").execute(), [1, 2, b"2"])
            client.sadd("s", "a", "b")
            self.assertEqual(client.smembers("s"), {b"a", b"b"})
            self.assertEqual(sorted(client.scan_iter()), [b"k", b"n", b"s"])
            self.assertEqual(client.info("server")["redis_mode"], "standalone")
            self.assertTrue(client.config_set("slowlog-max-len", 64))
            with self.assertRaises(redis.ResponseError):
                client.hset("h", "f", "v")
            with client.pipeline() as pipe:
                pipe.watch("n")
                client.set("n", 9)
                pipe.multi()
                pipe.get("n")
                with self.assertRaises(redis.WatchError):
                    pipe.execute()

    @unittest.skipUnless(redis, "python3-redis is not installed")
    def test_python_redis_hears_messages_and_keyspace_events(self):
        client = redis.Redis(port=int(self.port))
        listener = client.pubsub()
        listener.subscribe("news")
        listener.psubscribe("__keyevent@*__:*")
        self.assertEqual([listener.get_message(timeout=30)["type"] for _ in range(2)], ["subscribe", "psubscribe"])
        self.assertEqual(client.publish("news", "hi"), 1)
        self.assertEqual(listener.get_message(timeout=30)["data"], b"hi")
        client.config_set("notify-keyspace-events", "KEA")
        client.set("event", "1")
        client.delete("event")
        heard = [listener.get_message(timeout=30) for _ in range(2)]
        self.assertEqual([(m["channel"], m["data"]) for m in heard],
                         [(b"__keyevent@0__:set", b"event"), (b"__keyevent@0__:del", b"event")])


    @unittest.skipUnless(redis, "python3-redis is not installed")
    def test_evicted_keys_are_events(self):
        with Servers(DOOR, with_redis=False) as servers:
            client = redis.Redis(port=servers.kvfs_port)
            listener = client.pubsub()
            listener.psubscribe("__keyevent@*__:*")
            self.assertEqual(listener.get_message(timeout=30)["type"], "psubscribe")
            client.config_set("notify-keyspace-events", "Ee")
            client.config_set("maxkeys", 1)
            client.config_set("maxmemory-policy", "allkeys-random")
            client.set("a", "1")
            client.set("b", "1")
            heard = listener.get_message(timeout=30)
            self.assertEqual((heard["channel"], heard["data"]), (b"__keyevent@0__:evicted", b"a"))


    def test_a_tracking_client_is_told_before_the_writer_gets_its_reply(self):
        cache, writer = self.servers.connect(self.servers.kvfs_path), self.servers.connect(self.servers.kvfs_path)
        self.assertEqual(cache.call("HELLO", "3")[b"proto"], 3)
        self.assertEqual(cache.call("CLIENT", "TRACKING", "ON"), "OK")
        self.assertIsNone(cache.call("GET", "tracked"))
        self.assertEqual(writer.call("SET", "tracked", "1"), "OK")
        self.assertEqual(cache.read(), [b"invalidate", [b"tracked"]])
        # With a second protocol 2 connection, as clients without RESP3 do it.
        listener, reader = self.servers.connect(self.servers.kvfs_path), self.servers.connect(self.servers.kvfs_path)
        number = listener.call("CLIENT", "ID")
        listener.call("SUBSCRIBE", "__redis__:invalidate")
        self.assertEqual(reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", number), "OK")
        self.assertEqual(reader.call("GET", "tracked"), b"1")
        self.assertEqual(writer.call("DEL", "tracked"), 1)
        self.assertEqual(listener.read(), [b"message", b"__redis__:invalidate", [b"tracked"]])

    def test_what_takes_long_keeps_its_place_in_a_pipeline(self):
        writer = self.servers.connect(self.servers.kvfs_path)
        for first in range(0, 25000, 5000):
            writer.call("MSET", *("long/%d" % (first + i // 2) if i % 2 == 0 else "x" for i in range(10000)))
        self.assertEqual(writer.call("DBSIZE") >= 25000, True)
        writer.socket.sendall(b"SAVE\r\nGET long/24999\r\nFLUSHALL\r\nDBSIZE\r\nSET after 1\r\nCLIENT REPLY SKIP\r\n"
                              b"SAVE\r\nBGSAVE\r\nDBSIZE\r\n")
        self.assertEqual([writer.read() for _ in range(7)],
                         ["OK", b"x", "OK", 0, "OK", "Background saving started", 1])

    def test_who_has_quit_is_gone_at_once(self):
        leaver, other = self.servers.connect(self.servers.kvfs_path), self.servers.connect(self.servers.kvfs_path)
        number = leaver.call("CLIENT", "ID")
        leaver.call("SUBSCRIBE", "left")
        leaver.send("QUIT")
        while leaver.read() != "OK":
            pass
        self.assertEqual(other.call("CLIENT", "TRACKING", "ON", "REDIRECT", number),
                         "ERR The client ID you want redirect to does not exist")
        self.assertEqual(other.call("PUBLISH", "left", "x"), 0)

    def test_a_pause_holds_writes_back_until_it_ends(self):
        admin, writer = self.servers.connect(self.servers.kvfs_path), self.servers.connect(self.servers.kvfs_path)
        self.assertEqual(admin.call("CLIENT", "PAUSE", "1000000", "WRITE"), "OK")
        writer.socket.sendall(b"PING\r\nSET paused 1\r\nGET paused\r\n")
        self.assertEqual(writer.read(), "PONG")
        self.assertIsNone(admin.call("GET", "paused"))
        self.await_info(admin, b"blocked_clients:1")
        self.assertEqual(admin.call("CLIENT", "UNPAUSE"), "OK")
        self.await_info(admin, b"blocked_clients:0")
        self.assertEqual([writer.read(), writer.read()], ["OK", b"1"])
        self.assertEqual(admin.call("CLIENT", "PAUSE", "50"), "OK")
        self.assertEqual(writer.call("DEL", "paused"), 1)
        self.assertEqual(admin.call("CLIENT", "PAUSE", "x"), "ERR timeout is not an integer or out of range")
        self.assertEqual(admin.call("CLIENT", "UNBLOCK", "1"), 0)


class LimitsTest(unittest.TestCase):
    def test_a_client_that_does_not_read_its_replies_costs_bounded_memory(self):
        with Servers(DOOR, with_redis=False) as servers:
            deaf, other = servers.connect(servers.kvfs_path), servers.connect(servers.kvfs_path)
            self.assertEqual(other.call("SET", "k", "x" * 1000000), "OK")

            def memory():
                return int(dict(line.split(":", 1) for line in str(other.call("INFO", "memory"), "ascii").splitlines()
                                if ":" in line)["used_memory_rss"])

            before = memory()
            deaf.socket.setblocking(False)
            asked = 0
            try:
                for _ in range(1000):
                    asked += deaf.socket.send(b"GET k\r\n" * 1000) // 7
            except BlockingIOError:
                pass
            self.assertGreater(asked, 1000)  # a gigabyte of replies
            self.assertEqual(other.call("PING"), "PONG")
            self.assertLess(memory() - before, 64 << 20)

    def test_a_client_that_takes_nothing_of_its_replies_is_disconnected(self):
        with Servers(DOOR, with_redis=False, door_options=["--write-timeout-ms", "100"]) as servers:
            deaf, other = servers.connect(servers.kvfs_path), servers.connect(servers.kvfs_path)
            self.assertEqual(other.call("SET", "k", "x" * 1000000), "OK")
            deaf.socket.sendall(b"GET k\r\n" * 20)
            gone = select.poll()
            gone.register(deaf.socket, 0)  # an end is told in any case
            self.assertTrue(gone.poll(60000))
            self.assertEqual(other.call("PING"), "PONG")

    def test_other_machines_are_not_served_without_keys(self):
        door = subprocess.run([DOOR, "--listen", "*:0"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              text=True)
        self.assertNotEqual(door.returncode, 0)
        self.assertIn("refusing to listen on *:0 for other machines without keys", door.stderr)
        with Servers(DOOR, with_redis=False, door_options=["--listen", "*:0", "--key", "s3cret"]) as servers:
            self.assertEqual(servers.connect(servers.kvfs_path).call("GET", "a"), "NOAUTH Authentication required.")

    def test_an_idle_client_is_disconnected_and_a_subscriber_is_not(self):
        with Servers(DOOR, with_redis=False) as servers:
            idle, subscriber = servers.connect(servers.kvfs_path), servers.connect(servers.kvfs_path)
            subscriber.call("SUBSCRIBE", "news")
            self.assertEqual(idle.call("CONFIG", "SET", "timeout", "1"), "OK")
            idle.socket.settimeout(60)
            self.assertEqual(idle.file.read(), b"")
            publisher = servers.connect(servers.kvfs_path)
            self.assertEqual(publisher.call("PUBLISH", "news", "hi"), 1)

    def test_what_is_too_large_is_told_before_the_end(self):
        cases = [("--arguments-max", "20", b"*21\r\n", "ERR Protocol error: invalid multibulk length"),
                 ("--bulk-bytes-max", "100", b"*1\r\n$101\r\n", "ERR Protocol error: invalid bulk length"),
                 ("--inline-bytes-max", "100", b"x" * 200, "ERR Protocol error: too big inline request")]
        for option, value, sent, told in cases:
            with self.subTest(option), Servers(DOOR, with_redis=False, door_options=[option, value]) as servers:
                connection = servers.connect(servers.kvfs_path)
                connection.socket.sendall(sent)
                self.assertEqual(connection.read(), told)
                self.assertEqual(connection.file.read(), b"")

    def test_a_query_buffer_that_is_full_ends_the_connection(self):
        with Servers(DOOR, with_redis=False, door_options=["--query-buffer-bytes-max", "100000"]) as servers:
            connection = servers.connect(servers.kvfs_path)
            try:
                connection.socket.sendall(b"*2\r\n$4\r\nECHO\r\n$1000000\r\n" + b"x" * 1000000)
                self.assertEqual(connection.file.read(), b"")
            except ConnectionError:
                pass
            self.assertEqual(servers.connect(servers.kvfs_path).call("PING"), "PONG")

    def test_too_many_connections_are_told_so(self):
        with Servers(DOOR, with_redis=False, door_options=["--connections-max", "2"]) as servers:
            first, second = servers.connect(servers.kvfs_path), servers.connect(servers.kvfs_path)
            self.assertEqual(first.call("PING"), "PONG")
            self.assertEqual(second.call("PING"), "PONG")
            third = servers.connect(servers.kvfs_path)
            self.assertEqual(third.read(), "ERR max number of clients reached")

    def test_a_protocol_error_is_told_before_the_end(self):
        with Servers(DOOR, with_redis=False) as servers:
            connection = servers.connect(servers.kvfs_path)
            connection.socket.sendall(b"PING\r\n*1\r\nPING\r\n")
            self.assertEqual(connection.read(), "PONG")
            self.assertEqual(connection.read(), "ERR Protocol error: expected '$', got 'P'")
            self.assertEqual(connection.file.read(), b"")

    def test_a_subscriber_that_does_not_read_is_closed_and_harms_nobody(self):
        with Servers(DOOR, with_redis=False, door_options=["--push-bytes-max", "1000000"]) as servers:
            deaf, publisher = servers.connect(servers.kvfs_path), servers.connect(servers.kvfs_path)
            deaf.call("SUBSCRIBE", "news")
            receivers = 1
            for _ in range(500):
                receivers = publisher.call("PUBLISH", "news", "x" * 100000)
                if receivers == 0:
                    break
            self.assertEqual(receivers, 0)
            self.assertEqual(publisher.call("PING"), "PONG")

    def test_a_subscriber_is_closed_by_the_limits_that_config_set_gives(self):
        for limit in ("1000000 0 0", "0 100000 1"):
            with self.subTest(limit), Servers(DOOR, with_redis=False) as servers:
                deaf, publisher = servers.connect(servers.kvfs_path), servers.connect(servers.kvfs_path)
                self.assertEqual(publisher.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub " + limit), "OK")
                deaf.call("SUBSCRIBE", "news")
                for _ in range(40):
                    publisher.call("PUBLISH", "news", "x" * 100000)
                while publisher.call("PUBSUB", "NUMSUB", "news")[1] != 0:  # the suite's time is the limit
                    pass

    def test_where_clients_hold_too_much_the_largest_goes(self):
        with Servers(DOOR, with_redis=False) as servers:
            large, small, spared, admin = (servers.connect(servers.kvfs_path) for _ in range(4))
            self.assertEqual(spared.call("CLIENT", "NO-EVICT", "on"), "OK")
            for connection, size in ((large, 3000000), (small, 300000), (spared, 5000000)):
                connection.socket.sendall(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (size + 1) + b"x" * size)
            self.assertEqual(admin.call("CONFIG", "SET", "maxmemory-clients", "1mb"), "OK")
            self.assertEqual(large.file.read(), b"")
            for connection, size in ((small, 300000), (spared, 5000000)):
                connection.socket.sendall(b"x\r\n")
                self.assertEqual(len(connection.read()), size + 1)
            self.assertIn(b"evicted_clients:1\r", admin.call("INFO", "stats"))

    def test_keys_are_asked_for(self):
        with Servers(DOOR, with_redis=False, door_options=["--key", "s3cret"]) as servers:
            connection = servers.connect(servers.kvfs_path)
            self.assertEqual(connection.call("GET", "a"), "NOAUTH Authentication required.")
            self.assertEqual(connection.call("AUTH", "acme", "s3cret"), "OK")
            self.assertEqual(connection.call("SET", "a", "1"), "OK")


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class TlsTest(unittest.TestCase):
    def test_redis_cli_speaks_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            certificate, key = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
                            certificate, "-days", "2", "-subj", "/CN=localhost", "-addext",
                            "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            options = ["--certificate", certificate, "--certificate-key", key, "--listen", "tls:127.0.0.1:0"]
            with Servers(DOOR, with_redis=False, door_options=options) as servers:
                large = "x" * 3000000
                port = str(servers.ports[2])
                cli = ["redis-cli", "-p", port, "--tls", "--cacert", certificate]
                subprocess.run([*cli, "-x", "SET", "big"], input=large, text=True, check=True, capture_output=True)
                got = subprocess.run([*cli, "GET", "big"], text=True, check=True, capture_output=True).stdout
                self.assertEqual(got, large + "\n")


if __name__ == "__main__":
    DOOR = sys.argv.pop(1)
    unittest.main(warnings="ignore")
