// What the door tells of itself: statistics of commands and errors, parameters, encodings, what test suites ask.
#include <algorithm>

#include "respbridge/command_syntax.h"
#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class IntrospectionTest : public DoorTest {
 protected:
  RespOptions options() override {
    RespOptions out;
    out.enable_debug = true;
    return out;
  }

  bool info_has(const std::string& section, const std::string& text) {
    const std::string info = cmd("INFO " + section);
    return info.find(text) != std::string::npos;
  }
};

TEST_F(IntrospectionTest, FailuresAreCountedByCommandAndByCode) {
  cmd("SADD set a");
  cmd("GET set");
  cmd("GET");
  cmd("INCR set");
  cmd("NONSENSE");
  EXPECT_TRUE(info_has("commandstats", "cmdstat_get:calls=1,"));
  EXPECT_TRUE(info_has("commandstats", "rejected_calls=1,failed_calls=1"));
  EXPECT_TRUE(info_has("errorstats", "errorstat_ERR:count=2"));
  EXPECT_TRUE(info_has("errorstats", "errorstat_WRONGTYPE:count=2"));
  EXPECT_TRUE(info_has("stats", "total_error_replies:4"));
}

TEST_F(IntrospectionTest, ExecIsCountedAsACommand) {
  cmd("MULTI");
  cmd("SET a 1");
  cmd("EXEC");
  EXPECT_NE(cmd("INFO commandstats").find("cmdstat_exec:calls=1,"), std::string::npos);
  EXPECT_NE(cmd("CLIENT LIST").find(" cmd=client|list "), std::string::npos);
}

TEST_F(IntrospectionTest, WhatTheStoreRefusesCountsAsFailed) {
  cmd("CONFIG SET maxkeys 1");
  cmd("SET a 1");
  EXPECT_EQ(cmd("SET b 1").substr(0, 4), "-OOM");
  EXPECT_TRUE(info_has("errorstats", "errorstat_OOM:count=1"));
}

TEST_F(IntrospectionTest, InfoCountsTheKeysThatExpireOfEachDatabase) {
  cmd("SET a 1 EX 100");
  cmd("SET dir/b 1 EX 200");
  cmd("SET c 1");
  cmd("SELECT 3");
  cmd("SET d 1 PX 70");
  cmd("SET e 1");
  EXPECT_EQ(cmd("INFO keyspace").substr(4),
            "# Keyspace|db0:keys=3,expires=2,avg_ttl=150000|db3:keys=2,expires=1,avg_ttl=70|");
  pass_ms(100);
  EXPECT_TRUE(info_has("keyspace", ",expires=0,avg_ttl=0"));
}

TEST_F(IntrospectionTest, LookupsOfAllReadsAreHitsOrMisses) {
  cmd("SADD s x");
  cmd("SISMEMBER s x");
  cmd("TTL none");
  cmd("OBJECT ENCODING none");
  cmd("GETDEL none");
  EXPECT_TRUE(info_has("stats", "keyspace_hits:1|"));
  EXPECT_TRUE(info_has("stats", "keyspace_misses:2|"));
}

TEST_F(IntrospectionTest, ResetstatForgetsCallsTimesAndErrors) {
  cmd("SET a 1");
  cmd("NONSENSE");
  EXPECT_EQ(cmd("CONFIG RESETSTAT"), "+OK");
  EXPECT_FALSE(info_has("commandstats", "cmdstat_set"));
  EXPECT_FALSE(info_has("errorstats", "errorstat_"));
  EXPECT_EQ(cmd("LATENCY HISTOGRAM set"), "*0");
  cmd("SET a 2");
  EXPECT_TRUE(info_has("commandstats", "cmdstat_set:calls=1,"));
  EXPECT_EQ(cmd("LATENCY HISTOGRAM config|resetstat").substr(0, 36), "*2|$16|config|resetstat|*4|$5|calls|");
}

TEST_F(IntrospectionTest, ScriptsAndFunctionsAreNone) {
  EXPECT_EQ(cmd("FUNCTION FLUSH"), "+OK");
  EXPECT_EQ(cmd("FUNCTION FLUSH ASYNC"), "+OK");
  EXPECT_EQ(cmd("FUNCTION FLUSH NOW"), "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  EXPECT_EQ(cmd("FUNCTION LIST"), "*0");
  EXPECT_EQ(cmd("SCRIPT EXISTS a b"), "*2|:0|:0");
  EXPECT_EQ(cmd("SCRIPT FLUSH"), "+OK");
  EXPECT_EQ(cmd("SCRIPT KILL"), "-NOTBUSY No scripts in execution right now.");
  EXPECT_EQ(cmd("FUNCTION LOAD x"),
            "-ERR unknown command 'FUNCTION LOAD': kvfs has no hashes, lists, sorted sets, streams and scripts yet");
  EXPECT_EQ(cmd("EVAL x 0"),
            "-ERR unknown command 'EVAL': kvfs has no hashes, lists, sorted sets, streams and scripts yet");
}

TEST_F(IntrospectionTest, TooManyWordsForASubcommandAreToldSo) {
  EXPECT_EQ(cmd("SLOWLOG GET 1 2"),
            "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.");
  EXPECT_EQ(cmd("PUBSUB CHANNELS a b"),
            "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.");
  EXPECT_EQ(cmd("FUNCTION FOO"), "-ERR unknown subcommand 'FOO'. Try FUNCTION HELP.");
  EXPECT_EQ(cmd("CLUSTER INFO"), "-ERR This instance has cluster support disabled");
  EXPECT_EQ(cmd("CLIENT KILL USER nobody"), "-ERR No such user 'nobody'");
  EXPECT_EQ(cmd("CONFIG SET a b c"), "-ERR syntax error");
  EXPECT_EQ(cmd("WAIT 0 x"), "-ERR timeout is not an integer or out of range");
  cmd("MULTI");
  EXPECT_EQ(cmd("EXEC now"),
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command");
  EXPECT_EQ(cmd("EXEC"), "-ERR EXEC without MULTI");
}

TEST_F(IntrospectionTest, ParametersHaveTheirOlderNamesToo) {
  EXPECT_EQ(cmd("CONFIG SET list-max-ziplist-size 32"), "+OK");
  EXPECT_EQ(cmd("CONFIG GET list-max-*"), "*4|$22|list-max-listpack-size|$2|32|$21|list-max-ziplist-size|$2|32");
  EXPECT_EQ(cmd("CONFIG SET list-max-ziplist-size 1 list-max-listpack-size 2"),
            "-ERR CONFIG SET failed (possibly related to argument 'list-max-listpack-size') - duplicate parameter");
}

TEST_F(IntrospectionTest, WhereTheDoorListensIsToldInRedissWords) {
  RespOptions options;
  options.listen = {"127.0.0.1:7000", "-[::1]:7000", "tls:127.0.0.1:7001", "unix:/tmp/no.sock"};
  const Config config(options);
  const auto one = [&](std::string_view name) { return config.get({name}).front().second; };
  EXPECT_EQ(one("bind"), "127.0.0.1 -::1");
  EXPECT_EQ(one("port"), "7000");
  EXPECT_EQ(one("tls-port"), "7001");
  EXPECT_EQ(one("unixsocket"), "/tmp/no.sock");
}

TEST_F(IntrospectionTest, ClassesOfEventsAreToldInRedissOrder) {
  for (const auto& [given, told] : {std::pair("KEA", "AKE"), {"KEg", "gKE"}, {"K$lsxte", "$lsxetK"}, {"nmK", "nKm"}}) {
    cmd({"CONFIG", "SET", "notify-keyspace-events", given});
    EXPECT_TRUE(cmd("CONFIG GET notify-keyspace-events").ends_with(std::string("|") + told)) << given;
  }
}

TEST_F(IntrospectionTest, EveryParameterThatMayChangeTakesItsOwnValue) {
  for (const auto& [name, value] : service_->config().get({"*"})) {
    const std::string reply = cmd({"CONFIG", "SET", name, value});
    EXPECT_TRUE(reply == "+OK" || reply.ends_with("can't set immutable config")) << name << ": " << reply;
  }
  EXPECT_EQ(cmd("CONFIG SET requirepass secret"),
            "-ERR CONFIG SET failed (possibly related to argument 'requirepass') - can't be set at run time, but by "
            "kvfs.ini");
}

TEST_F(IntrospectionTest, ThroughputIsWhatCameBetweenTwoSamples) {
  Statistics counters;
  Throughput throughput;
  const Throughput::TimePoint begin{std::chrono::hours(1)};
  throughput.sample(counters, begin);
  counters.commands = 3000;
  counters.input_bytes = 4096;
  throughput.sample(counters, begin + std::chrono::milliseconds(10));  // too soon: another thread's
  EXPECT_EQ(throughput.rates().commands, 0);
  throughput.sample(counters, begin + std::chrono::seconds(2));
  EXPECT_EQ(throughput.rates().commands, 1500);
  EXPECT_EQ(throughput.rates().input_bytes, 2048);
  counters.reset();
  counters.commands = 10;
  throughput.sample(counters, begin + std::chrono::seconds(3));
  EXPECT_EQ(throughput.rates().commands, 10);
}

TEST_F(IntrospectionTest, MemoryStatsCountsTheTenantsKeys) {
  cmd("SET a 0123456789");
  cmd("SET b 0123456789");
  const std::string stats = cmd("MEMORY STATS");
  EXPECT_TRUE(stats.starts_with("*54|$14|peak.allocated|:")) << stats;
  EXPECT_NE(stats.find("|$10|keys.count|:2|"), std::string::npos) << stats;
}

TEST_F(IntrospectionTest, LatencyStatisticsTellTheSharesAskedFor) {
  cmd("SET a b");
  EXPECT_NE(cmd("INFO latencystats").find("latency_percentiles_usec_set:p50="), std::string::npos);
  EXPECT_EQ(cmd({"CONFIG", "SET", "latency-tracking-info-percentiles", "0.0 99.950"}), "+OK");
  EXPECT_NE(cmd("INFO latencystats").find("latency_percentiles_usec_set:p0="), std::string::npos);
  EXPECT_NE(cmd("INFO latencystats").find(",p99.95="), std::string::npos);
  EXPECT_EQ(cmd("CONFIG SET latency-tracking no"), "+OK");
  EXPECT_EQ(cmd("INFO latencystats").find("latency_percentiles_usec_set"), std::string::npos);
}

TEST_F(IntrospectionTest, SmallSetsOfIntegersAreSaidToBeIntsets) {
  cmd("SADD set 1 2 -3");
  EXPECT_EQ(cmd("OBJECT ENCODING set"), "$6|intset");
  cmd("CONFIG SET set-max-intset-entries 2");
  EXPECT_EQ(cmd("OBJECT ENCODING set"), "$9|hashtable");
  cmd("CONFIG SET set-max-intset-entries 512");
  cmd("SADD set 01");
  EXPECT_EQ(cmd("OBJECT ENCODING set"), "$9|hashtable");
}

TEST_F(IntrospectionTest, DigestsTellWhetherDataAreTheSame) {
  const std::string empty = cmd("DEBUG DIGEST");
  EXPECT_EQ(empty, "$40|" + std::string(40, '0'));
  cmd("SADD a 1 2 3");
  cmd("SET b text");
  const std::string before = cmd("DEBUG DIGEST");
  EXPECT_NE(before, empty);
  cmd("SADD c 3 2 1");
  EXPECT_NE(cmd("DEBUG DIGEST"), before);
  EXPECT_EQ(cmd("DEBUG DIGEST-VALUE a"), cmd("DEBUG DIGEST-VALUE c"));
  EXPECT_NE(cmd("DEBUG DIGEST-VALUE a"), cmd("DEBUG DIGEST-VALUE b"));
  cmd("DEL c");
  EXPECT_EQ(cmd("DEBUG DIGEST"), before);
}

TEST_F(IntrospectionTest, DebugProtocolShowsEveryKindOfReply) {
  EXPECT_EQ(cmd("DEBUG PROTOCOL true"), ":1");
  EXPECT_EQ(cmd("DEBUG PROTOCOL push"), "-ERR RESP2 is not supported by this command");
  cmd("HELLO 3");
  EXPECT_EQ(cmd("DEBUG PROTOCOL true"), "#t");
  EXPECT_EQ(cmd("DEBUG PROTOCOL map"), "%3|:0|#f|:1|#t|:2|#f");
  EXPECT_EQ(cmd("DEBUG PROTOCOL null"), "_");
  EXPECT_EQ(cmd("DEBUG PROTOCOL attrib").substr(0, 4), "|1|$");
  EXPECT_EQ(cmd("DEBUG PROTOCOL other").substr(0, 37), "-ERR Wrong protocol type name. Please");
}

TEST_F(IntrospectionTest, CommitsSinceTheLastSaveAreCounted) {
  cmd("SAVE");
  EXPECT_TRUE(info_has("persistence", "rdb_changes_since_last_save:0|"));
  cmd("SETBIT bits 1 1");
  cmd("SETBIT bits 1 1");  // changes nothing
  cmd("SETBIT bits 1 0");
  EXPECT_TRUE(info_has("persistence", "rdb_changes_since_last_save:2|")) << cmd("INFO persistence");
}

TEST_F(IntrospectionTest, DebugObjectTellsTheLengthThatDumpGives) {
  cmd("SET key bar");
  EXPECT_NE(cmd("DEBUG OBJECT key").find(" serializedlength:4 "), std::string::npos) << cmd("DEBUG OBJECT key");
}

TEST_F(IntrospectionTest, DocsTellOfArguments) {
  cmd("HELLO 3");
  const std::string docs = cmd("COMMAND DOCS sort");
  EXPECT_NE(docs.find("|$9|arguments|*7|%2|$4|name|$3|key|$4|type|$3|key|"
                      "%4|$4|name|$7|pattern|$4|type|$7|pattern|$5|token|$2|BY|$5|flags|~1|+optional|"
                      "%5|$4|name|$5|limit|$4|type|$5|block|$5|token|$5|LIMIT|$5|flags|~1|+optional|$9|arguments|*2|"
                      "%2|$4|name|$6|offset|$4|type|$7|integer|%2|$4|name|$5|count|$4|type|$7|integer|"
                      "%4|$4|name|$7|pattern|$4|type|$7|pattern|$5|token|$3|GET|$5|flags|"
                      "~3|+optional|+multiple|+multiple_token|"
                      "%4|$4|name|$5|order|$4|type|$5|oneof|$5|flags|~1|+optional|$9|arguments|*2|"
                      "%3|$4|name|$3|asc|$4|type|$10|pure-token|$5|token|$3|ASC|"),
            std::string::npos)
      << docs;
  EXPECT_NE(cmd("COMMAND DOCS mset")
                .find("*1|%4|$4|name|$9|key_value|$4|type|$5|block|$5|flags|~1|+multiple|$9|"
                      "arguments|*2|"),
            std::string::npos)
      << cmd("COMMAND DOCS mset");
  EXPECT_NE(cmd("COMMAND DOCS client|list")
                .find("%5|$4|name|$2|id|$4|type|$5|block|$5|token|$2|ID|$5|flags|~1|+optional|$9|arguments|*1|"
                      "%3|$4|name|$9|client-id|$4|type|$7|integer|$5|flags|~1|+multiple"),
            std::string::npos)
      << cmd("COMMAND DOCS client|list");
  EXPECT_EQ(cmd("COMMAND DOCS dbsize").find("arguments"), std::string::npos);
}

/// The fewest words that the argument stands for; 0 if it is optional.
size_t words_min(const SyntaxArgument& argument) {
  if (argument.optional) return 0;
  size_t words = argument.type == "oneof" ? SIZE_MAX : 0;
  for (const SyntaxArgument& each : argument.arguments)
    words = argument.type == "oneof" ? std::min(words, words_min(each)) : words + words_min(each);
  if (argument.arguments.empty() && argument.type != "pure-token") words = 1;
  return words + (argument.token.empty() ? 0 : 1);
}

bool is_open(const SyntaxArgument& argument) {
  return argument.optional || argument.multiple ||
         std::any_of(argument.arguments.begin(), argument.arguments.end(), is_open);
}

TEST(CommandSyntaxTest, ArgumentsFitTheArity) {
  for (const CommandSpec& spec : command_table()) {
    if ((spec.flags & kContainer) != 0 || syntax_of(spec.name).empty()) continue;
    const std::vector<SyntaxArgument> arguments = parse_syntax(syntax_of(spec.name));
    size_t words = spec.name.find('|') == spec.name.npos ? 1 : 2;
    for (const SyntaxArgument& each : arguments) words += words_min(each);
    EXPECT_EQ(words, static_cast<size_t>(std::abs(spec.arity))) << spec.name;
    const bool open = std::any_of(arguments.begin(), arguments.end(), is_open);
    EXPECT_EQ(open, spec.arity < 0) << spec.name;
  }
}

TEST(CommandSyntaxTest, CommandsThatTakeArgumentsHaveASyntax) {
  for (const CommandSpec& spec : command_table()) {
    const int own = spec.name.find('|') == spec.name.npos ? 1 : 2;
    if ((spec.flags & kContainer) != 0 || spec.arity == own || spec.arity == -own) continue;
    if (spec.name == "psync" || spec.name == "cluster" || spec.name.starts_with("debug")) continue;
    EXPECT_FALSE(syntax_of(spec.name).empty()) << spec.name;
  }
}

}  // namespace
}  // namespace kvfs::resp
