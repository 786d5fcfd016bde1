#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class ConnectionTest : public DoorTest {};

TEST_F(ConnectionTest, AnswersTheFirstWordsOfEveryClient) {
  EXPECT_EQ(cmd("PING"), "+PONG");
  EXPECT_EQ(cmd("ping hello"), "$5|hello");
  EXPECT_EQ(cmd("ECHO hi"), "$2|hi");
  EXPECT_EQ(cmd("PING a b"), "-ERR wrong number of arguments for 'ping' command");
  EXPECT_EQ(cmd("CLIENT SETNAME me"), "+OK");
  EXPECT_EQ(cmd("CLIENT GETNAME"), "$2|me");
  EXPECT_EQ(cmd({"CLIENT", "SETNAME", "a b"}),
            "-ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_NE(cmd("CLIENT INFO").find(" resp=2 lib-name= lib-ver="), std::string::npos) << cmd("CLIENT INFO");
  EXPECT_EQ(cmd("CLIENT SETINFO lib-name x"), "+OK");
  EXPECT_EQ(cmd("CLIENT SETINFO LIB-VER 1.2"), "+OK");
  EXPECT_NE(cmd("CLIENT INFO").find(" lib-name=x lib-ver=1.2"), std::string::npos) << cmd("CLIENT INFO");
  EXPECT_EQ(cmd("CLIENT NOSUCH"), "-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.");
  EXPECT_EQ(cmd("CLIENT"), "-ERR wrong number of arguments for 'client' command");
  EXPECT_EQ(cmd("GET"), "-ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(cmd("nosuch a b"), "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' ");
  EXPECT_TRUE(cmd("HSET h f v").starts_with("-ERR unknown command 'HSET'"));
  EXPECT_EQ(cmd("SELECT 16"), "-ERR DB index is out of range");
  EXPECT_EQ(cmd("QUIT"), "+OK");
  EXPECT_TRUE(client_->client().closing);
}

TEST_F(ConnectionTest, HelloChoosesTheProtocol) {
  EXPECT_TRUE(cmd("HELLO").starts_with("*14|$6|server|$5|redis|"));
  EXPECT_TRUE(cmd("HELLO 3").starts_with("%7|$6|server|$5|redis|"));
  EXPECT_EQ(cmd("GET none"), "_");
  EXPECT_TRUE(cmd("HELLO 2 SETNAME x").starts_with("*14|"));
  EXPECT_EQ(cmd("CLIENT GETNAME"), "$1|x");
  EXPECT_EQ(cmd("HELLO 4"), "-NOPROTO unsupported protocol version");
  EXPECT_EQ(cmd("HELLO x"), "-ERR Protocol version is not an integer or out of range");
  EXPECT_EQ(cmd("HELLO 3 FOO"), "-ERR Syntax error in HELLO option 'FOO'");
  EXPECT_EQ(cmd("AUTH secret"),
            "-ERR AUTH <password> called without any password configured for the default user. Are you sure your "
            "configuration is correct?");
}

TEST_F(ConnectionTest, HelloIsQueuedAndHoldsFromThenOn) {
  EXPECT_EQ(cmd("MULTI"), "+OK");
  EXPECT_EQ(cmd("GET nosuch"), "+QUEUED");
  EXPECT_EQ(cmd("HELLO 3 SETNAME me"), "+QUEUED");
  EXPECT_EQ(cmd("GET nosuch"), "+QUEUED");
  const std::string replies = cmd("EXEC");
  EXPECT_TRUE(replies.starts_with("*3|$-1|%7|$6|server|")) << replies;
  EXPECT_TRUE(replies.ends_with("|_")) << replies;
  EXPECT_EQ(cmd("CLIENT GETNAME"), "$2|me");
}

TEST_F(ConnectionTest, CommandTellsOfItself) {
  EXPECT_EQ(cmd("COMMAND GETKEYS MSET a 1 b 2"), "*2|$1|a|$1|b");
  EXPECT_EQ(cmd("COMMAND GETKEYS SORT a BY b STORE c ASC STORE d"), "*2|$1|a|$1|d");
  EXPECT_TRUE(cmd("COMMAND INFO sort").starts_with("*1|*10|$4|sort|:-2|*3|+write|+denyoom|+movablekeys|"));
  EXPECT_EQ(cmd("COMMAND LIST FILTERBY PATTERN config|s*"), "*1|$10|config|set");
  EXPECT_EQ(cmd("COMMAND GETKEYS PING x"), "-ERR The command has no key arguments");
  EXPECT_EQ(cmd("COMMAND GETKEYS NOSUCH x"), "-ERR Invalid command specified");
  EXPECT_TRUE(cmd("COMMAND INFO get nosuch").starts_with("*2|*10|$3|get|:2|*2|+readonly|+fast|:1|:1|:1|"));
  EXPECT_TRUE(cmd("COMMAND DOCS get").starts_with("*2|$3|get|*8|$7|summary|"));
  EXPECT_EQ(cmd("COMMAND LIST FILTERBY PATTERN subs*"), "*2|$9|subscribe|$6|substr");
  EXPECT_EQ(cmd("COMMAND")[0], '*');
}

TEST_F(ConnectionTest, LatencyTellsOfSpikesAndOfWhatCommandsTake) {
  LatencyEvents& events = service_->latency_events();
  EXPECT_EQ(cmd("LATENCY LATEST"), "*0");
  EXPECT_EQ(cmd("LATENCY GRAPH command"), "-ERR No samples available for event 'command'");
  EXPECT_NE(cmd("LATENCY DOCTOR").find("Latency monitoring is disabled"), std::string::npos);
  EXPECT_EQ(cmd("CONFIG SET latency-monitor-threshold 100000"), "+OK");
  EXPECT_NE(cmd("LATENCY DOCTOR").find("no latency spike was observed"), std::string::npos);
  events.add("command", 1000, 30);
  events.add("command", 1000, 20);
  events.add("command", 1002, 10);
  events.add("fast-command", 1001, 5);
  EXPECT_EQ(cmd("LATENCY LATEST"), "*2|*4|$7|command|:1002|:10|:30|*4|$12|fast-command|:1001|:5|:5");
  EXPECT_EQ(cmd("LATENCY HISTORY command"), "*2|*2|:1000|:30|*2|:1002|:10");
  EXPECT_EQ(graph(events.of("command"), 1005), "command - high 30 ms, low 10 ms (all time high 30 ms)\n" +
                                                   std::string(80, '-') + "\n# \n# \n# \n#_\n\n53\nss\n");
  EXPECT_EQ(cmd("LATENCY RESET command nosuch"), ":1");
  EXPECT_EQ(cmd("LATENCY RESET"), ":1");
  cmd("GET a");
  cmd("GET a");
  EXPECT_NE(cmd("INFO commandstats").find("cmdstat_get:calls=2,usec="), std::string::npos);
  EXPECT_EQ(cmd("INFO").find("cmdstat_"), std::string::npos);
  EXPECT_TRUE(cmd("LATENCY HISTOGRAM GET nosuch").starts_with("*2|$3|get|*4|$5|calls|:2|$14|histogram_usec|*"));
}

TEST_F(ConnectionTest, ClientsAreListedAndKilled) {
  TestClient other(*service_);
  bool killed = false;
  other.client().card->kill = [&] { killed = true; };
  other("CLIENT SETNAME victim");
  const std::string list = cmd("CLIENT LIST");
  EXPECT_NE(list.find("name=victim"), std::string::npos);
  EXPECT_NE(list.find("cmd=client|list"), std::string::npos);
  EXPECT_EQ(cmd("CLIENT KILL ID " + std::to_string(other.client().card->id)), ":1");
  EXPECT_TRUE(killed);
  EXPECT_EQ(cmd("CLIENT KILL 1.2.3.4:5"), "-ERR No such client");
}

TEST_F(ConnectionTest, ConfigIsReadAndSet) {
  EXPECT_EQ(cmd("CONFIG GET databases"), "*2|$9|databases|$2|16");
  EXPECT_EQ(cmd("CONFIG SET slowlog-max-len 5 timeout 10"), "+OK");
  EXPECT_EQ(cmd("CONFIG GET slowlog-max-le?"), "*2|$15|slowlog-max-len|$1|5");
  EXPECT_EQ(cmd("CONFIG SET nosuch 1"), "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
  EXPECT_EQ(cmd("CONFIG SET maxmemory 1mb"), "+OK");
  EXPECT_EQ(cmd("CONFIG GET maxmemory"), "*2|$9|maxmemory|$7|1048576");
  EXPECT_TRUE(cmd("CONFIG SET databases 3").starts_with("-ERR CONFIG SET failed"));
  EXPECT_TRUE(cmd("CONFIG SET timeout x").starts_with("-ERR CONFIG SET failed"));
  EXPECT_TRUE(cmd("INFO server").find("redis_version:") != std::string::npos);
}

TEST_F(ConnectionTest, SlowCommandsAreKept) {
  cmd("CONFIG SET slowlog-log-slower-than 0");
  EXPECT_NE(cmd("SLOWLOG GET 1").find("slowlog-log-slower-than"), std::string::npos);  // it holds for that command, too
  cmd("SET a 1");
  const std::string log = cmd("SLOWLOG GET 1");
  EXPECT_NE(log.find("*3|$3|SET|$1|a|$1|1"), std::string::npos) << log;
  EXPECT_EQ(cmd("SLOWLOG RESET"), "+OK");
  cmd("CONFIG SET slowlog-log-slower-than -1");
  cmd("SLOWLOG RESET");
  EXPECT_EQ(cmd("SLOWLOG LEN"), ":0");
}

TEST_F(ConnectionTest, MonitorsSeeCommandsOfTheirTenant) {
  TestClient watcher(*service_);
  EXPECT_EQ(watcher("MONITOR"), "+OK");
  cmd({"SET", "a", "x\ny"});
  EXPECT_NE(watcher.outbox->log.find("\"SET\" \"a\" \"x\\ny\"\r\n"), std::string::npos) << watcher.outbox->log;
}

TEST_F(ConnectionTest, MonitorsSeeNoKeysAndNoAdministration) {
  TestClient watcher(*service_);
  EXPECT_EQ(watcher("MONITOR"), "+OK");
  cmd("SELECT 3");
  cmd("AUTH someone s3cret");
  cmd("HELLO 3 AUTH someone s3cret SETNAME me");
  cmd("CONFIG GET maxmemory");
  const std::string& log = watcher.outbox->log;
  EXPECT_NE(log.find(" [3 "), std::string::npos) << log;
  EXPECT_NE(log.find("\"AUTH\" \"(redacted)\" \"(redacted)\"\r\n"), std::string::npos) << log;
  EXPECT_NE(log.find("\"AUTH\" \"(redacted)\" \"(redacted)\" \"SETNAME\" \"me\"\r\n"), std::string::npos) << log;
  EXPECT_EQ(log.find("s3cret"), std::string::npos) << log;
  EXPECT_EQ(log.find("CONFIG"), std::string::npos) << log;
}

class PubSubTest : public DoorTest {};

TEST_F(PubSubTest, MessagesReachSubscribers) {
  TestClient listener(*service_);
  EXPECT_EQ(listener("SUBSCRIBE news"), "*3|$9|subscribe|$4|news|:1");
  EXPECT_EQ(listener("PSUBSCRIBE n* x*"), "*3|$10|psubscribe|$2|n*|:2|*3|$10|psubscribe|$2|x*|:3");
  EXPECT_EQ(cmd("PUBLISH news hello"), ":2");
  EXPECT_EQ(listener.outbox->log, "news=hello;news=hello;");
  EXPECT_EQ(cmd("PUBSUB CHANNELS"), "*1|$4|news");
  EXPECT_EQ(cmd(std::vector<std::string>{"PUBSUB", "CHANNELS", ""}), "*0");
  EXPECT_EQ(cmd("PUBSUB NUMSUB news x"), "*4|$4|news|:1|$1|x|:0");
  EXPECT_EQ(cmd("PUBSUB NUMPAT"), ":2");
  EXPECT_EQ(listener("GET a"),
            "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
            "this context");
  EXPECT_EQ(listener("PING"), "*2|$4|pong|$0|");
  EXPECT_EQ(listener("UNSUBSCRIBE"), "*3|$11|unsubscribe|$4|news|:2");
  EXPECT_EQ(listener("PUNSUBSCRIBE n* x*"), "*3|$12|punsubscribe|$2|n*|:1|*3|$12|punsubscribe|$2|x*|:0");
  EXPECT_EQ(listener("UNSUBSCRIBE"), "*3|$11|unsubscribe|$-1|:0");
  EXPECT_EQ(listener("GET a"), "$-1");
  EXPECT_EQ(cmd("PUBLISH news hello"), ":0");
}

TEST_F(PubSubTest, ShardedChannelsAreApart) {
  TestClient listener(*service_);
  EXPECT_EQ(listener("SSUBSCRIBE news"), "*3|$10|ssubscribe|$4|news|:1");
  EXPECT_EQ(cmd("PUBLISH news x"), ":0");
  EXPECT_EQ(cmd("SPUBLISH news x"), ":1");
  EXPECT_EQ(listener.pushed(), "shard news=x;");
  EXPECT_EQ(cmd("PUBSUB SHARDCHANNELS"), "*1|$4|news");
}

TEST_F(PubSubTest, WhatATransactionPublishesGoesOutWhenItHasCommitted) {
  TestClient listener(*service_);
  listener("SUBSCRIBE news");
  EXPECT_EQ(client_->send("MULTI\r\nPUBLISH news hi\r\nSET a 1\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+OK\r\n");
  EXPECT_EQ(listener.outbox->log, "news=hi;");
}

class AuthTest : public DoorTest {
 protected:
  RespOptions options() override {
    RespOptions options;
    options.keys = {{"app", "s3cret", "", "acme", false, false},
                    {"reader", "readme", "", "acme", true, false},
                    {"root", "toor", "", "", false, true}};
    return options;
  }
};

TEST_F(AuthTest, NothingIsAllowedBeforeAuth) {
  EXPECT_EQ(cmd("GET a"), "-NOAUTH Authentication required.");
  EXPECT_EQ(cmd("NOSUCH"), "-NOAUTH Authentication required.");
  EXPECT_TRUE(cmd("HELLO 3").starts_with("-NOAUTH HELLO must be called"));
  EXPECT_EQ(cmd("AUTH wrong"), "-WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(cmd("AUTH other s3cret"), "-WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(cmd("AUTH s3cret"), "+OK");
  EXPECT_EQ(cmd("SET a 1"), "+OK");
}

TEST_F(AuthTest, TheKeyChoosesTheTenant) {
  EXPECT_EQ(cmd("AUTH acme s3cret"), "+OK");
  cmd("SET a acme");
  TestClient root(*service_);
  EXPECT_EQ(root("AUTH other toor"), "+OK");
  EXPECT_EQ(root("GET a"), "$-1");
  EXPECT_EQ(root("AUTH acme toor"), "+OK");
  EXPECT_EQ(root("GET a"), "$4|acme");
  TestClient hello(*service_);
  EXPECT_TRUE(hello("HELLO 3 AUTH default s3cret").starts_with("%7|"));
  EXPECT_EQ(hello("GET a"), "$4|acme");
}

TEST_F(AuthTest, AReadersKeyDoesNotWriteAndAnAppsDoesNotAdminister) {
  TestClient reader(*service_);
  EXPECT_EQ(reader("AUTH readme"), "+OK");
  EXPECT_EQ(reader("GET a"), "$-1");
  EXPECT_EQ(reader("SET a 1"), "-NOPERM this user has no permissions to run the 'set' command");
  EXPECT_EQ(reader("FLUSHALL"), "-NOPERM this user has no permissions to run the 'flushall' command");
  cmd("AUTH s3cret");
  EXPECT_EQ(cmd("CONFIG SET timeout 1"), "-NOPERM this user has no permissions to run the 'config|set' command");
}

TEST_F(AuthTest, ResetAsksForAuthAgain) {
  cmd("AUTH s3cret");
  EXPECT_EQ(cmd("RESET"), "+RESET");
  EXPECT_EQ(cmd("GET a"), "-NOAUTH Authentication required.");
}

TEST_F(AuthTest, AuthIsQueuedAndWhatFollowsObeysTheNewKey) {
  cmd("AUTH s3cret");
  EXPECT_EQ(cmd("MULTI"), "+OK");
  EXPECT_EQ(cmd("AUTH readme"), "+QUEUED");
  EXPECT_EQ(cmd("SET a 1"), "+QUEUED");
  EXPECT_EQ(cmd("GET a"), "+QUEUED");
  EXPECT_EQ(cmd("AUTH wrong"), "+QUEUED");
  EXPECT_EQ(cmd("EXEC"),
            "*4|+OK|-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
            "This command is no longer allowed for the following reason: no permission to execute the command or "
            "subcommand|$-1|-WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(cmd("ACL WHOAMI"), "$6|reader");
}

TEST_F(AuthTest, ATransactionStaysInItsTenant) {
  cmd("AUTH other toor");
  cmd("MULTI");
  cmd("SET a 1");
  cmd("AUTH acme toor");
  cmd("SET b 2");
  EXPECT_EQ(cmd("EXEC"),
            "*3|+OK|-ERR a transaction stays in its tenant: AUTH as another is not allowed inside MULTI|+OK");
  EXPECT_EQ(cmd("MGET a b"), "*2|$1|1|$1|2");
}

TEST_F(AuthTest, KeysAreNotInTheSlowlog) {
  cmd("AUTH other toor");
  cmd("CONFIG SET slowlog-log-slower-than 0");
  cmd("AUTH other toor");
  cmd("HELLO 2 AUTH other toor SETNAME me");
  cmd("CONFIG SET slowlog-log-slower-than -1");
  const std::string log = cmd("SLOWLOG GET");
  EXPECT_EQ(log.find("toor"), std::string::npos) << log;
  EXPECT_NE(log.find("*3|$4|AUTH|$10|(redacted)|$10|(redacted)"), std::string::npos) << log;
  EXPECT_NE(log.find("|$4|AUTH|$10|(redacted)|$10|(redacted)|$7|SETNAME|$2|me"), std::string::npos) << log;
}

TEST_F(AuthTest, ChannelsOfOtherTenantsAreNotHeard) {
  cmd("AUTH s3cret");
  cmd("SUBSCRIBE news");
  TestClient root(*service_);
  root("AUTH other toor");
  EXPECT_EQ(root("PUBLISH news x"), ":0");
}

}  // namespace
}  // namespace kvfs::resp
