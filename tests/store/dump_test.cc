#include "store/dump.h"

#include <fmt/format.h>

#include <map>
#include <random>
#include <sstream>

#include "store/check.h"
#include "store/dump_line.h"
#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

class DumpTest : public StoreTest {
 protected:
  std::unique_ptr<Store> empty_store() { return *Store::open(options()); }

  static std::string dumped(Store& store, const DumpOptions& options = {}) {
    std::string out;
    const Result<uint64_t> done = dump(
        store,
        [&](std::string_view line) -> Result<void> {
          out.append(line);
          return {};
        },
        options);
    EXPECT_TRUE(done) << done.error().message();
    return out;
  }
  static Result<LoadReport> loaded(Store& store, const std::string& text, const LoadOptions& options = {}) {
    std::istringstream input(text);
    return load(store, input, options);
  }

  /// Everything below a directory, by path, for comparison: all attributes but inode numbers, and the values.
  static std::map<std::string, std::string> tree(Store& store) {
    return store.read([](const ReadTxn& txn) {
      std::map<std::string, std::string> out;
      describe_root(out, txn);
      walk(txn, kRootDir, "", out);
      return out;
    });
  }
  static void describe_root(std::map<std::string, std::string>& out, const ReadTxn& txn) {
    out["/"] = attributes(root_entry(txn));
  }
  static std::string attributes(const Entry& e) {
    return fmt::format("{}", fmt::join(std::initializer_list<uint64_t>{static_cast<uint64_t>(e.kind),
                                                                       static_cast<uint64_t>(e.type),
                                                                       e.implicit,
                                                                       e.shadowed,
                                                                       e.chunked,
                                                                       e.mode,
                                                                       e.uid,
                                                                       e.gid,
                                                                       e.nlink,
                                                                       e.rdev,
                                                                       static_cast<uint64_t>(e.atime_ns),
                                                                       static_cast<uint64_t>(e.mtime_ns),
                                                                       static_cast<uint64_t>(e.ctime_ns),
                                                                       static_cast<uint64_t>(e.btime_ns),
                                                                       e.version,
                                                                       e.expires_ms,
                                                                       e.default_ttl_ms,
                                                                       e.size,
                                                                       e.keys,
                                                                       e.bytes},
                                       " ")) +
           "|" + std::string(e.content_type) + "|" + std::string(e.xattrs);
  }
  static void walk(const ReadTxn& txn, DirId dir, const std::string& path, std::map<std::string, std::string>& out) {
    const std::string prefix = dirent_prefix(dir);
    const auto cursor = txn.rows().cursor();
    for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix); cursor->next()) {
      const Slot slot = *parse_dirent_row(cursor->key());
      Entry entry = *decode_entry(cursor->value());
      const std::string at = path + std::string(slot.name) + (slot.directory ? "/" : " value");
      if (entry.kind == Kind::link) {
        const bool shadowed = entry.shadowed;
        entry = *decode_entry(*txn.rows().get(inode_row(entry.inode)));
        entry.shadowed = shadowed;
      }
      std::string value(entry.is_directory() ? 0 : entry.size, '\0');
      if (!value.empty()) *read_value(txn, entry, 0, value.size(), value.data());
      if (const auto settings = txn.rows().get(settings_row(entry.inode))) value = *settings;
      out[at] = attributes(entry) + "|" + value;
      if (slot.directory) walk(txn, entry.inode, at, out);
    }
  }

  void fill();
};

void DumpTest::fill() {
  PutOptions typed;
  typed.type = ValueType::counter;
  typed.content_type = "text/x-number";
  typed.expires_ms = store_->now_ms() + 1'000'000;
  ASSERT_TRUE(put("counter", "42", typed));
  ASSERT_TRUE(put("empty", ""));
  ASSERT_TRUE(put("text", "line\nwith \"quotes\" and \\ and gr\xc3\xbc\xc3\x9f"));
  ASSERT_TRUE(put("a", "value of a directory"));
  ASSERT_TRUE(put("a/b", "below"));
  ASSERT_TRUE(put("http://x//", "odd"));
  ASSERT_TRUE(put(std::string("\xff\0/bytes", 8), std::string("\xff\0\xfe", 3)));
  std::string big(300'000, '\0');
  std::mt19937 random(7);
  for (char& byte : big) byte = static_cast<char>(random());
  ASSERT_TRUE(put("big/binary", big));
  ASSERT_TRUE(put("big/text", std::string(70'000, 't')));
  StagedValue sparse(store_->chunks());
  sparse.size = 10'000'000;
  ASSERT_TRUE(sparse.stage_chunk(100, "in the middle"));
  ASSERT_TRUE(store_->write([&](WriteTxn& txn) { return kvfs::put(txn, collection_, "sparse", sparse); }));
  sparse.published();

  NewNode node;
  node.kind = Kind::symlink;
  node.target = "../some\xffwhere";
  ASSERT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "symlink", node); }), "ok");
  for (const auto& [name, kind] : {std::pair{"fifo", Kind::fifo}, std::pair{"socket", Kind::socket},
                                   std::pair{"tty", Kind::char_device}, std::pair{"disk", Kind::block_device}}) {
    NewNode special;
    special.kind = kind;
    special.mode = 0600;
    special.rdev = kind == Kind::char_device || kind == Kind::block_device ? 0x801 : 0;
    ASSERT_EQ(write([&, at = name](WriteTxn& txn) { return make_node(txn, collection_, at, special); }), "ok");
  }
  ASSERT_EQ(write([&](WriteTxn& txn) { return make_node(txn, collection_, "made", new_directory()); }), "ok");
  AttributeChange change;
  change.mode = 02750;
  change.uid = 1000;
  change.gid = 2000;
  change.atime_ns = -5;
  change.mtime_ns = 1'234'567'890'123'456'789;
  change.default_ttl_ms = 77'000;
  change.xattrs = Xattrs::encode({{"user.plain", "text"}, {"user.raw", std::string("\0\xff", 2)}});
  clock_ns_ += 1'000'000'000;
  const Located made = *locate(collection_, "made");
  ASSERT_EQ(write([&](WriteTxn& txn) { return set_attributes(txn, made, change); }), "ok");
  ASSERT_TRUE(put("linked", std::string(100'000, 'l')));
  const Located linked = *locate(collection_, "linked");
  for (const char* name : {"linked2", "linked3"})
    ASSERT_EQ(write([&](WriteTxn& txn) { return link(txn, linked, directory(collection_, "a"), name); }), "ok");
  ASSERT_EQ(write([&](WriteTxn& txn) { return make_node(txn, kRootDir, "other", new_directory()); }), "ok");
  Settings settings;
  settings.quota_keys = 3;  // less than there are: loading must not mind
  settings.fsync = "every=5";
  ASSERT_EQ(write([&](WriteTxn& txn) -> Result<void> {
              set_settings(txn, tenant_, settings);
              set_settings(txn, collection_, settings);
              return {};
            }),
            "ok");
  clock_ns_ += 1'000'000'000;
}

TEST_F(DumpTest, ADumpLoadedIntoAnEmptyStoreMakesTheSameStore) {
  fill();
  const std::string text = dumped(*store_);
  clock_ns_ += 5'000'000'000;
  const auto copy = empty_store();
  const Result<LoadReport> report = loaded(*copy, text);
  ASSERT_TRUE(report) << report.error().message();
  const auto expected = tree(*store_);
  const auto got = tree(*copy);
  ASSERT_EQ(got.size(), expected.size());
  for (const auto& [path, entry] : expected) EXPECT_TRUE(got.contains(path) && got.at(path) == entry) << path;
  EXPECT_EQ(report->entries, expected.size());
  const CheckReport check = check_store(*copy);
  EXPECT_TRUE(check.sound()) << check.findings[0].where << ": " << check.findings[0].what;
  EXPECT_EQ(copy->usage(0).keys, store_->usage(0).keys);
  EXPECT_EQ(copy->usage(0).bytes, store_->usage(0).bytes);
}

TEST_F(DumpTest, VersionsGoOnAboveThoseThatWereLoaded) {
  clock_ns_ += 60'000'000'000;
  const Version made = put("k", "1")->version;
  const std::string text = dumped(*store_);
  clock_ns_ -= 60'000'000'000;  // another machine, whose clock is behind
  store_ = empty_store();
  ASSERT_TRUE(loaded(*store_, text));
  tenant_ = *store_->find_tenant("acme");
  collection_ = *store_->find_collection(tenant_, "default");
  EXPECT_EQ(locate(collection_, "k")->entry.version, made);
  EXPECT_GT(put("k", "2")->version, made);
  EXPECT_TRUE(check_store(*store_).sound());
}

TEST_F(DumpTest, NothingIsOverwrittenUnlessAsked) {
  ASSERT_TRUE(put("a", "old"));
  ASSERT_TRUE(put("z", "old"));
  const std::string text = dumped(*store_);
  ASSERT_TRUE(remove("a"));
  ASSERT_TRUE(put("z", "new"));
  const Result<LoadReport> refused = loaded(*store_, text);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::exists);
  EXPECT_NE(refused.error().message().find("acme/default/z"), std::string::npos) << refused.error().message();
  EXPECT_EQ(value("a"), "<not_found>");  // found out before anything was written
  const Version before = locate(collection_, "z")->entry.version;
  LoadOptions replace;
  replace.replace = true;
  ASSERT_TRUE(loaded(*store_, text, replace));
  EXPECT_EQ(value("a"), "old");
  EXPECT_EQ(value("z"), "old");
  EXPECT_GT(locate(collection_, "z")->entry.version, before);
  EXPECT_TRUE(check_store(*store_).sound());
}

TEST_F(DumpTest, LoadingOverEverythingKeepsTheStoreSound) {
  fill();
  LoadOptions replace;
  replace.replace = true;
  const std::string text = dumped(*store_);
  ASSERT_TRUE(loaded(*store_, text, replace));
  const CheckReport check = check_store(*store_);
  EXPECT_TRUE(check.sound()) << check.findings[0].where << ": " << check.findings[0].what;
  EXPECT_EQ(value("big/text"), std::string(70'000, 't'));
  EXPECT_EQ(value("a/linked3"), std::string(100'000, 'l'));
}

TEST_F(DumpTest, MergesIntoAStoreWithOtherKeys) {
  ASSERT_TRUE(put("dir/mine", "1"));
  const std::string text = dumped(*store_);
  ASSERT_TRUE(remove("dir/mine"));
  ASSERT_TRUE(put("dir/other", "2"));
  const Result<LoadReport> report = loaded(*store_, text);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->existing, 4U);  // root, tenant, collection, dir
  EXPECT_EQ(keys(), "dir/mine dir/other");
}

TEST_F(DumpTest, ABadDumpChangesNothing) {
  ASSERT_TRUE(put("a", "1"));
  const std::string good = dumped(*store_);
  const size_t last = good.rfind(R"({"kind":"end")");
  const std::string body = good.substr(0, last);
  const std::map<std::string, Errc> bad = {
      {"", Errc::corrupt},
      {body, Errc::corrupt},
      {body.substr(0, body.size() - 10), Errc::invalid},
      {body + "[]\n", Errc::invalid},
      {body + R"({"kind":"quux"})"
              "\n",
       Errc::unsupported},
      {body + R"({"kind":"file","tenant":"a/b","collection":"c","key":"k","value":""})"
              "\n",
       Errc::invalid},
      {body + R"({"kind":"file","tenant":"t","collection":"c","value":""})"
              "\n",
       Errc::invalid},
      {body + R"({"kind":"file","tenant":"t","collection":"c","key":"k","value_b64":"?"})"
              "\n",
       Errc::invalid},
      {body + R"({"kind":"file","tenant":"t","collection":"c","key":"k","mode":"99","value":""})"
              "\n",
       Errc::invalid},
      {body + R"({"kind":"part","offset":0,"data":"x"})"
              "\n",
       Errc::invalid},
      {body + R"({"kind":"directory","tenant":"t","collection":"c","key":"k"})"
              "\n",
       Errc::invalid},
      {good.substr(good.find('\n') + 1), Errc::invalid},
      {R"({"kind":"kvfs-dump","format":2})"
       "\n",
       Errc::unsupported},
  };
  for (const auto& [text, code] : bad) {
    const auto copy = empty_store();
    const Result<LoadReport> refused = loaded(*copy, text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, code) << refused.error().message() << "\n" << text;
    EXPECT_EQ(tree(*copy).size(), 1U) << text;
  }
}

TEST_F(DumpTest, HandWrittenLinesNeedOnlyNamesAndValues) {
  const auto copy = empty_store();
  const std::string big(100'000, 'x');
  const std::string text = R"({"kind":"kvfs-dump","format":1})"
                           "\n"
                           R"({"kind":"file","tenant":"t","collection":"c","key":"a/b","value":"1"})"
                           "\n"
                           R"({"kind":"file","tenant":"t","collection":"c","key":"big","value":")" +
                           big +
                           "\"}\n"
                           R"({"kind":"end"})"
                           "\n";
  const Result<LoadReport> report = loaded(*copy, text);
  ASSERT_TRUE(report) << report.error().message();
  store_ = empty_store();
  ASSERT_TRUE(loaded(*store_, text));
  tenant_ = *store_->find_tenant("t");
  collection_ = *store_->find_collection(tenant_, "c");
  EXPECT_EQ(value("a/b"), "1");
  EXPECT_EQ(value("big"), big);
  EXPECT_EQ(locate(directory(collection_, "a"), "b")->entry.mode, 0644U);
  EXPECT_EQ(locate(directory(collection_, "a"), "b")->entry.mtime_ns,
            static_cast<int64_t>(clock_ns_ / 1'000'000 * 1'000'000));
  EXPECT_TRUE(check_store(*store_).sound());
}

TEST_F(DumpTest, ExpiredValuesAreLeftOut) {
  PutOptions soon;
  soon.expires_ms = store_->now_ms() + 10;
  PutOptions later;
  later.expires_ms = store_->now_ms() + 1000;
  ASSERT_TRUE(put("gone", "1", soon));
  ASSERT_TRUE(put("big", std::string(100'000, 'x'), later));
  ASSERT_TRUE(put("stays", "1"));
  clock_ns_ += 10'000'000;
  const std::string text = dumped(*store_);
  EXPECT_EQ(text.find("gone"), std::string::npos);
  clock_ns_ += 1'000'000'000;
  store_ = empty_store();
  const Result<LoadReport> report = loaded(*store_, text);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->expired, 1U);
  tenant_ = *store_->find_tenant("acme");
  collection_ = *store_->find_collection(tenant_, "default");
  EXPECT_EQ(keys(), "stays");
}

TEST_F(DumpTest, OneTenantCanBeDumpedAlone) {
  fill();
  DumpOptions one;
  one.tenant = "other";
  const auto copy = empty_store();
  ASSERT_TRUE(loaded(*copy, dumped(*store_, one)));
  EXPECT_TRUE(copy->find_tenant("other"));
  EXPECT_FALSE(copy->find_tenant("acme"));
  one.tenant = "nobody";
  EXPECT_EQ(dump(
                *store_, [](std::string_view) -> Result<void> { return {}; }, one)
                .error()
                .code,
            Errc::not_found);
}

TEST_F(DumpTest, LinesAreSmallHoweverLargeAValueIs) {
  ASSERT_TRUE(put("big", std::string(5'000'000, '\xff')));
  size_t longest = 0;
  ASSERT_TRUE(dump(*store_, [&](std::string_view line) -> Result<void> {
    longest = std::max(longest, line.size());
    return {};
  }));
  EXPECT_LT(longest, 100'000U);
}

TEST_F(DumpTest, WhatTheSinkRefusesEndsTheDump) {
  ASSERT_TRUE(put("a", "1"));
  size_t lines = 0;
  const Result<uint64_t> done = dump(*store_, [&](std::string_view) -> Result<void> {
    if (++lines == 3) return {Errc::io, "the pipe is closed"};
    return {};
  });
  EXPECT_EQ(done.error().code, Errc::io);
  EXPECT_EQ(lines, 3U);
}

TEST_F(DumpTest, LinesReadBackAsTheyWereWritten) {
  DumpLine line;
  line.tenant = "t\xfe";
  line.collection = "c";
  line.key = std::string("k\0y", 3);
  line.bytes = "\xff\xff";
  line.link_id = 18'446'744'073'709'551'615U;
  line.entry.version = (uint64_t{1} << 60) + 1;  // more digits than a double has
  line.entry.mtime_ns = -1;
  const Result<DumpLine> read = read_dump_line(write_dump_line(line));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->tenant, line.tenant);
  EXPECT_EQ(read->key, line.key);
  EXPECT_EQ(read->bytes, line.bytes);
  EXPECT_EQ(read->link_id, line.link_id);
  EXPECT_EQ(read->entry.version, line.entry.version);
  EXPECT_EQ(read->entry.mtime_ns, -1);
}

TEST_F(DumpTest, TheTrashIsLeftOut) {
  store_->set_trash({.keep_ms = 1000});
  ASSERT_TRUE(put("kept", "1"));
  ASSERT_TRUE(put("removed", "secret"));
  ASSERT_TRUE(remove("removed"));
  const std::string text = dumped(*store_);
  EXPECT_NE(text.find("kept"), std::string::npos);
  EXPECT_EQ(text.find("removed"), std::string::npos);
  EXPECT_EQ(text.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace kvfs
