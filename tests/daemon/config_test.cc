// The configuration: which value wins, what is refused and how it is said, and the documents made from the table.
#include "daemon/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "daemon/api_keys.h"
#include "daemon/config_value.h"
#include "daemon/mount_options.h"

namespace kvfs {
namespace {

class ConfigTest : public ::testing::Test {
 protected:
  ~ConfigTest() override {
    for (const std::string& path : made_) std::remove(path.c_str());
  }
  std::string file(const std::string& text, const std::string& name = "kvfs.ini") {
    const std::string path = ::testing::TempDir() + std::to_string(::getpid()) + "-" + name;
    std::ofstream(path) << text;
    made_.push_back(path);
    return path;
  }
  Result<Config> load(const std::string& ini, const EnvironmentMap& environment = {}, const std::string& options = "") {
    ConfigSources sources{.file = file(ini), .environment = environment, .flags = {}};
    auto flags = parse_mount_options(options);
    if (!flags) return flags.error();
    sources.flags = *flags;
    return Config::load(sources);
  }
  /// The error of a configuration that must be refused.
  std::string refusal(const std::string& ini, const EnvironmentMap& environment = {}, const std::string& options = "") {
    const auto config = load(ini, environment, options);
    EXPECT_FALSE(config.has_value()) << ini;
    return config ? "" : config.error().message();
  }
  std::vector<std::string> made_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(ConfigTest, FlagsWinOverEnvironmentOverFileOverDefaults) {
  EXPECT_EQ(load("")->text("store", "fsync"), "default");
  const std::string ini = "[store]\nfsync = strict\n";
  EXPECT_EQ(load(ini)->text("store", "fsync"), "strict");
  const EnvironmentMap environment{{"KVFS_STORE_FSYNC", "every=10"}};
  EXPECT_EQ(load(ini, environment)->text("store", "fsync"), "every=10");
  EXPECT_EQ(load(ini, environment, "store.fsync=interval=50")->text("store", "fsync"), "interval=50");
}

TEST_F(ConfigTest, EachValueKnowsItsOrigin) {
  const auto config = load("[store]\n\nfsync = strict\n", {{"KVFS_STORE_ENGINE", "memory"}}, "log.level=debug").value();
  EXPECT_TRUE(contains(config.origin("store", "fsync"), "kvfs.ini:3"));
  EXPECT_EQ(config.origin("store", "engine"), "KVFS_STORE_ENGINE");
  EXPECT_EQ(config.origin("log", "level"), "-o log.level=debug");
  EXPECT_EQ(config.origin("store", "path"), "default");
}

TEST_F(ConfigTest, UnknownNamesAreRefusedWithTheirPlaceAndWhatIsAccepted) {
  EXPECT_TRUE(contains(refusal("[store]\n\npaht = /x\n"), "kvfs.ini:3: unknown key paht"));
  EXPECT_TRUE(contains(refusal("[store]\npaht = /x\n"), "accepted: path, engine"));
  EXPECT_TRUE(contains(refusal("[stoer]\npath = /x\n"), "kvfs.ini:1: unknown section [stoer]"));
  EXPECT_TRUE(contains(refusal("[empty]\n"), "unknown section [empty]"));
  EXPECT_TRUE(contains(refusal("path = /x\n"), "unknown section []"));
  EXPECT_TRUE(contains(refusal("", {{"KVFS_STORE_PAHT", "/x"}}), "KVFS_STORE_PAHT"));
  EXPECT_TRUE(contains(refusal("", {}, "frobnicate"), "-o frobnicate: unknown option"));
  EXPECT_TRUE(contains(refusal("", {}, "store.paht=/x"), "unknown key paht"));
  EXPECT_TRUE(contains(refusal("[tenant .kvfs]\n"), ".kvfs"));
}

TEST_F(ConfigTest, BadValuesAreRefusedAlsoWhereTheyWouldNotCount) {
  EXPECT_TRUE(contains(refusal("[store]\nmax_size = many\n"), "kvfs.ini:2: max_size = many"));
  EXPECT_TRUE(contains(refusal("[store]\nmax_size = many\n", {{"KVFS_STORE_MAX_SIZE", "1G"}}), "kvfs.ini:2"));
  EXPECT_TRUE(contains(refusal("[store]\nengine = paper\n"), "lmdb, memory"));
  EXPECT_TRUE(contains(refusal("[store]\nfsync = sometimes\n"), "every=N"));
  EXPECT_TRUE(contains(refusal("[http]\nheader_timeout = 15\n"), "ms, s, m, h or d"));
  EXPECT_TRUE(contains(refusal("[mount]\nthreads = 0\n"), "from 1 to 1024"));
  EXPECT_TRUE(contains(refusal("", {{"PORT", "70000"}}), "PORT"));
}

TEST_F(ConfigTest, LinesThatAreNoIniAreRefusedWithTheirNumber) {
  EXPECT_TRUE(contains(refusal("[store]\njust words\n"), "kvfs.ini:2"));
  EXPECT_TRUE(contains(refusal("[store\npath = x\n"), "kvfs.ini:1"));
  EXPECT_TRUE(
      contains(refusal("[store]\npath = /a\n[store]\npath = /b\n"), "kvfs.ini:4: path in [store] was given before"));
  EXPECT_TRUE(contains(refusal("[log]\nfile = " + std::string(9000, 'x') + "\n"), "longer than"));
  EXPECT_TRUE(contains(refusal("[tenant " + std::string(60, 'x') + "]\n"), "longer than 49"));
}

TEST_F(ConfigTest, AnyBytesAreReadOrRefused) {
  std::string bytes;
  for (int i = 0; i < 4096; ++i) bytes += static_cast<char>((i * 31 + i / 7) & 0xff);
  EXPECT_FALSE(load(bytes).has_value());
  EXPECT_FALSE(load(std::string("[store]\npath = a\0b\n", 19)).has_value());
  EXPECT_TRUE(load("\xef\xbb\xbf[store]\npath = /x\n").has_value());
  EXPECT_TRUE(load("[store]\r\npath = /x\r\n").has_value());
}

TEST_F(ConfigTest, AMissingFileIsRefusedByName) {
  const auto config = Config::load({.file = "/nonexistent/kvfs.ini", .environment = {}, .flags = {}});
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().code, Errc::not_found);
  EXPECT_TRUE(contains(config.error().message(), "/nonexistent/kvfs.ini"));
}

// A container whose mounted file is missing finds one; it must not count as an empty configuration.
TEST_F(ConfigTest, ADirectoryIsNoConfigurationAndNoListOfKeys) {
  const std::string directory = ::testing::TempDir();
  const auto config = Config::load({.file = directory, .environment = {}, .flags = {}});
  ASSERT_FALSE(config);
  EXPECT_TRUE(contains(config.error().message(), "Is a directory")) << config.error().message();
  for (const char* section : {"[auth]", "[tenant acme]"}) {
    const auto keys = configured_keys(load(std::string(section) + "\nkeys_file = " + directory + "\n").value());
    ASSERT_FALSE(keys) << section;
    EXPECT_TRUE(contains(keys.error().message(), "Is a directory")) << keys.error().message();
  }
}

TEST_F(ConfigTest, SizesAndDurationsHaveAnEnd) {
  EXPECT_TRUE(contains(refusal("[resp]\npush_bytes_max = 9000000T\n"), "too large"));
  EXPECT_TRUE(contains(refusal("[http]\nidle_timeout = 40000d\n"), "too large"));
  EXPECT_TRUE(contains(refusal("[resp]\npipeline_bytes_max = 0\n"), "too small"));
  EXPECT_EQ(load("[http]\nidle_timeout = 4294968296ms\n")->duration_ms("http", "idle_timeout"), 4294968296U);
}

TEST_F(ConfigTest, AFlagMayBeOfATenant) {
  const auto config = load("", {}, "tenant a.b.quota_keys=5,tenant a.b.keys=SECRET").value();
  EXPECT_EQ(config.tenants(), std::vector<std::string>{"a.b"});
  EXPECT_EQ(config.integer("tenant a.b", "quota_keys"), 5);
  EXPECT_FALSE(contains(config.print(), "SECRET")) << config.print();
}

TEST_F(ConfigTest, TheEnvironmentOfReplacedStoresCountsUnlessOursIsGiven) {
  const auto config = load("", {{"PORT", "8099"}, {"DB_PATH", "/data/db"}}).value();
  EXPECT_EQ(config.text("http", "listen"), "127.0.0.1:8099");
  EXPECT_EQ(config.text("store", "path"), "/data/db");
  const auto ours = load("", {{"PORT", "8099"}, {"KVFS_HTTP_LISTEN", "[::1]:1"}}).value();
  EXPECT_EQ(ours.text("http", "listen"), "[::1]:1");
  EXPECT_EQ(load("[http]\nlisten = *:80, *:81\n", {{"PORT", "8099"}})->list("http", "listen"),
            (std::vector<std::string>{"*:8099", "*:81"}));
}

TEST_F(ConfigTest, AnEmptyListenOverridesTheDefault) {
  EXPECT_TRUE(load("", {{"KVFS_HTTP_LISTEN", ""}})->list("http", "listen").empty());
  EXPECT_TRUE(load("[http]\nlisten =\n")->list("http", "listen").empty());
  EXPECT_TRUE(load("", {}, "http.listen=")->list("http", "listen").empty());
}

TEST_F(ConfigTest, VariablesThatKubernetesMakesAreNoOptions) {
  EXPECT_TRUE(
      load("", {{"KVFS_HTTP_SERVICE_HOST", "10.0.0.1"}, {"KVFS_HTTP_PORT", "tcp://10.0.0.1:3300"}}).has_value());
  EXPECT_TRUE(load("", {{"KVFS_EXE", "of somebody else"}}).has_value());
}

TEST_F(ConfigTest, ListsGoOnInIndentedLines) {
  const auto config = load("[http]\nlisten = 127.0.0.1:1,\n  127.0.0.1:2\n  127.0.0.1:3 ; the last\n").value();
  EXPECT_EQ(config.list("http", "listen"), (std::vector<std::string>{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}));
}

TEST_F(ConfigTest, AListGoesOnWithAnAddressInBrackets) {
  const auto config = load("[http]\nlisten = 127.0.0.1:3300,\n   [::1]:3300\n[resp]\nlisten =\n").value();
  EXPECT_EQ(config.list("http", "listen"), (std::vector<std::string>{"127.0.0.1:3300", "[::1]:3300"}));
  EXPECT_TRUE(config.list("resp", "listen").empty());
  EXPECT_TRUE(contains(refusal("[http]\n  [nowhere]\n"), "unknown section [nowhere]"));
}

TEST_F(ConfigTest, MountOptionsForOthersAreIgnoredAndCommasCanBeEscaped) {
  EXPECT_TRUE(
      load("", {}, "defaults,_netdev,nofail,noauto,user,x-systemd.automount,x-gvfs-hide,comment=a").has_value());
  const auto config = load("", {}, R"(ro,noatime,nosuid,fsname=data,http.listen=[::1]:1\,[::1]:2,threads=2)").value();
  EXPECT_TRUE(config.boolean("mount", "read_only"));
  EXPECT_EQ(config.list("mount", "options"), (std::vector<std::string>{"noatime", "nosuid"}));
  EXPECT_EQ(config.text("mount", "source"), "data");
  EXPECT_EQ(config.list("http", "listen").size(), 2U);
  EXPECT_EQ(config.integer("mount", "threads"), 2);
  EXPECT_FALSE(load("", {}, "ro,rw")->boolean("mount", "read_only"));
}

TEST_F(ConfigTest, RelativePathsAreThoseOfTheCurrentDirectory) {
  const std::string path = load("[store]\npath = some/store\n")->text("store", "path");
  EXPECT_EQ(path.front(), '/');
  EXPECT_TRUE(path.ends_with("/some/store"));
}

TEST_F(ConfigTest, RelativePathsBeginWhereTheyWereTyped) {
  const auto config = Config::load({.file = file("[store]\npath = here\n[log]\nfile = /there\n"),
                                    .environment = {},
                                    .flags = {},
                                    .directory = "/somewhere/else"});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->text("store", "path"), "/somewhere/else/here");
  EXPECT_EQ(config->text("log", "file"), "/there");
}

TEST_F(ConfigTest, PrintingIsAnIniFileOfTheSameValuesWithoutSecrets) {
  const auto config = load("[store]\nfsync = strict\n[tenant acme]\nkeys = hidden-key\nquota_bytes = 10G\n", {},
                           "http.listen=[::1]:1,auth.keys=other-secret=acme")
                          .value();
  const std::string printed = config.print();
  EXPECT_FALSE(contains(printed, "hidden-key"));
  EXPECT_FALSE(contains(printed, "other-secret"));
  const auto again = load(printed);
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_TRUE(configured_keys(*again)) << "masks are no keys";
  for (const ConfigKey& row : config_table()) {
    if (row.section == "tenant" || row.secret) continue;
    EXPECT_EQ(again->text(row.section, row.key), config.text(row.section, row.key)) << row.section << "." << row.key;
  }
  EXPECT_EQ(again->size("tenant acme", "quota_bytes"), uint64_t{10} << 30);
}

TEST_F(ConfigTest, ErrorsShowNoSecrets) {
  const auto config = load("[auth]\nkeys = very-secret\n").value();
  const auto keys = configured_keys(config);
  ASSERT_FALSE(keys.has_value());
  EXPECT_FALSE(contains(keys.error().message(), "very-secret"));
}

TEST_F(ConfigTest, ReloadTellsWhatNeedsARestart) {
  const auto running = load("[log]\nlevel = info\n").value();
  const auto changed = load("[log]\nlevel = debug\n[store]\nfsync = strict\n").value();
  EXPECT_EQ(running.changed_beyond_reload(changed), std::vector<std::string>{"store.fsync"});
}

TEST_F(ConfigTest, KeysComeFromSectionsListsAndFiles) {
  const std::string shared = file("# comment\nfile-key acme read_only\nroot-key * \n", "shared.keys");
  const std::string own = file("own-key\n", "own.keys");
  const std::string hash(64, 'a');
  const auto config =
      load("[auth]\nkeys = listed=beta\nadmin_keys = boss\nkeys_file = " + shared +
           "\n[tenant acme]\nkeys = one, sha256:" + hash + "\nread_only_keys = look\nkeys_file = " + own + "\n")
          .value();
  const auto keys = configured_keys(config).value();
  ASSERT_EQ(keys.size(), 8U);
  const auto find = [&](const std::string& key) {
    const auto found = std::find_if(keys.begin(), keys.end(), [&](const auto& each) { return each.key == key; });
    return found == keys.end() ? ApiKey{} : *found;
  };
  EXPECT_EQ(find("listed").tenant, "beta");
  EXPECT_TRUE(find("boss").admin);
  EXPECT_EQ(find("boss").tenant, "");
  EXPECT_TRUE(find("file-key").read_only);
  EXPECT_TRUE(find("root-key").admin);
  EXPECT_EQ(find("own-key").tenant, "acme");
  EXPECT_TRUE(find("look").read_only);
  EXPECT_EQ(find("").sha256, hash);
}

TEST_F(ConfigTest, AKeyGivenTwiceIsRefused) {
  EXPECT_FALSE(configured_keys(load("[tenant a]\nkeys = k\n[tenant b]\nkeys = k\n").value()).has_value());
  EXPECT_FALSE(configured_keys(load("[tenant a]\nkeys = sha256:abc\n").value()).has_value());
}

TEST(ConfigTableTest, DefaultsAreValidAndRowsAreUniqueAndDocumented) {
  std::set<std::string> names;
  for (const ConfigKey& row : config_table()) {
    SCOPED_TRACE(std::string(row.section) + "." + std::string(row.key));
    EXPECT_TRUE(check_config_value(row, row.default_value).has_value());
    EXPECT_TRUE(names.insert(std::string(row.section) + "." + std::string(row.key)).second);
    EXPECT_NE(find_config_section(row.section), nullptr);
    EXPECT_GT(row.help.size(), 10U);
    EXPECT_EQ(row.help.back(), '.');
  }
}

std::string content(const char* path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// After a change of the table: ninja -C build config-docs
TEST(ConfigTableTest, TheShippedFilesAreThoseOfTheTable) {
  EXPECT_EQ(content(KVFS_SHIPPED_INI), documented_ini());
  EXPECT_EQ(content(KVFS_SHIPPED_MANUAL), manual_page());
}

struct ValueCase {
  const char* text;
  int64_t expected;  // -1: refused
};

TEST(ConfigValueTest, Sizes) {
  const ValueCase cases[] = {{"0", 0},        {"512", 512},
                             {"1K", 1024},    {"2 MiB", 2 << 20},
                             {"1g", 1 << 30}, {"64kb", 65536},
                             {"1.5G", -1},    {"", -1},
                             {"-1", -1},      {"K", -1},
                             {"1X", -1},      {"17000000T", -1},
                             {"1 0", -1},     {"99999999999999999999", -1}};
  for (const auto& [text, expected] : cases) {
    const auto size = parse_size(text);
    EXPECT_EQ(size ? static_cast<int64_t>(*size) : -1, expected) << text;
  }
}

TEST(ConfigValueTest, Durations) {
  const ValueCase cases[] = {{"0", 0},          {"500ms", 500},     {"30s", 30'000}, {"5m", 300'000},
                             {"2h", 7'200'000}, {"1d", 86'400'000}, {"30", -1},      {"s", -1},
                             {"", -1},          {"1w", -1},         {"-1s", -1}};
  for (const auto& [text, expected] : cases) {
    const auto duration = parse_duration_ms(text);
    EXPECT_EQ(duration ? static_cast<int64_t>(*duration) : -1, expected) << text;
  }
}

TEST(ConfigValueTest, Switches) {
  for (const char* text : {"yes", "TRUE", "on", "1"}) EXPECT_TRUE(parse_boolean(text).value()) << text;
  for (const char* text : {"no", "False", "off", "0"}) EXPECT_FALSE(parse_boolean(text).value()) << text;
  EXPECT_FALSE(parse_boolean("maybe").has_value());
  EXPECT_FALSE(parse_boolean("").has_value());
}

}  // namespace
}  // namespace kvfs
