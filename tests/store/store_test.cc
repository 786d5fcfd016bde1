#include "store/store.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "store/check.h"
#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

/// A store on disk that can be closed and opened again.
class StoreOnDiskTest : public StoreTest {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "kvfs_store_test_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
    reopen();
    tenant_ = *store_->ensure_tenant("acme");
    collection_ = *store_->write([&](WriteTxn& txn) { return ensure_collection(txn, tenant_, "default"); });
  }

  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(path_);
  }

  void reopen() {
    store_.reset();
    StoreOptions with_path = options();
    with_path.engine.kind = "lmdb";
    with_path.engine.path = path_;
    Result<std::unique_ptr<Store>> opened = Store::open(with_path);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
  }

  std::string path_;
};

// Where root runs the test, as another user for a while.
TEST(StoreOwnerTest, TheRootAndTenantsWithoutAnOwnerBelongToWhoRunsKvfs) {
  const bool is_root = ::geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(::setegid(65533), 0);
    ASSERT_EQ(::seteuid(65534), 0);
  }
  StoreOptions options;
  options.engine.kind = "memory";
  const auto store = Store::open(options);
  const uint32_t uid = ::geteuid();
  const uint32_t gid = ::getegid();
  const auto owner_of = [&](DirId dir) {
    return (*store)->read([&](const ReadTxn& txn) {
      const Entry entry = dir == kRootDir ? root_entry(txn) : *find_entry(txn, {kRootDir, "acme", true});
      return std::pair(entry.uid, entry.gid);
    });
  };
  const auto root = owner_of(kRootDir);
  const auto made = (*store)->ensure_tenant("acme");
  const auto tenant = made ? owner_of(*made) : std::pair<uint32_t, uint32_t>();
  const auto root_with_a_tenant = owner_of(kRootDir);
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
    ASSERT_EQ(::setegid(0), 0);
  }
  const std::pair<uint32_t, uint32_t> expected(uid, gid);
  EXPECT_EQ(root, expected);
  EXPECT_EQ(tenant, expected);
  EXPECT_EQ(root_with_a_tenant, expected);
}

TEST_F(StoreOnDiskTest, EverythingIsThereAfterAReopening) {
  const std::string big(300'000, 'b');
  const Version before = put("dir/big", big)->version;
  const Inode inode = locate(directory(collection_, "dir"), "big")->entry.inode;
  reopen();
  EXPECT_EQ(value("dir/big"), big);
  EXPECT_EQ(*store_->find_tenant("acme"), tenant_);
  EXPECT_EQ(*store_->find_collection(tenant_, "default"), collection_);
  EXPECT_EQ(locate(directory(collection_, "dir"), "big")->entry.inode, inode);
  EXPECT_EQ(store_->usage(tenant_).bytes, big.size());
  EXPECT_GT(put("next", "1")->version, before);
  EXPECT_GT(locate(collection_, "next")->entry.inode, inode);
}

TEST_F(StoreOnDiskTest, VersionsAndInodesNeverRepeatThoughTheClockWentBack) {
  Version last_version = 0;
  Inode last_inode = 0;
  for (int run = 0; run < 4; ++run) {
    const Result<PutOutcome> made = put("k" + std::to_string(run), "v");
    ASSERT_TRUE(made);
    EXPECT_GT(made->version, last_version);
    last_version = made->version;
    const Inode inode = locate(collection_, "k" + std::to_string(run))->entry.inode;
    EXPECT_GT(inode, last_inode);
    last_inode = inode;
    clock_ns_ -= 60'000'000'000;
    reopen();
  }
}

TEST_F(StoreOnDiskTest, OrphansOfACrashAreRemovedAtTheNextOpening) {
  ASSERT_TRUE(put("open", std::string(100'000, 'x')));
  const Located file = *locate(collection_, "open");
  store_->hold_inode(file.entry.inode, {collection_, "open", false});
  EXPECT_TRUE(remove("open"));
  reopen();  // the hold was never released
  const bool gone = store_->read([&](const ReadTxn& txn) {
    return !find_inode(txn, file.entry.inode, {collection_, "open", false}) &&
           !txn.rows().get(orphan_row(file.entry.inode));
  });
  EXPECT_TRUE(gone);
}

TEST_F(StoreOnDiskTest, SettingsSurvive) {
  Settings settings;
  settings.quota_keys = 1;
  EXPECT_EQ(write([&](WriteTxn& txn) -> Result<void> {
              set_settings(txn, tenant_, settings);
              return {};
            }),
            "ok");
  reopen();
  ASSERT_TRUE(put("a", "1"));
  EXPECT_EQ(put("b", "1").error().code, Errc::quota_exceeded);
}

/// Seeded random operations against std::map, with reopenings; the counters must agree, too.
TEST_F(StoreOnDiskTest, AgreesWithAModelUnderRandomOperations) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::map<std::string, std::string> model;
  const auto key = [&] {
    static const char* const kParts[] = {"a", "b", "a-", "", "."};
    std::string out = kParts[random() % 5];
    for (size_t depth = random() % 3; depth > 0; --depth) out.append("/").append(kParts[random() % 5]);
    return out.empty() ? std::string("k") : out;
  };
  const auto bytes = [&] {
    static const size_t kSizes[] = {0, 5, 9'000, 70'000, 140'000};
    return std::string(kSizes[random() % 5] + random() % 3, static_cast<char>('a' + random() % 26));
  };
  for (int step = 0; step < 600; ++step) {
    const std::string k = key();
    switch (random() % 8) {
      case 0:
      case 1:
      case 2: {
        const std::string v = bytes();
        ASSERT_TRUE(put(k, v));
        model[k] = v;
        break;
      }
      case 3:
      case 4:
        ASSERT_EQ(remove(k), model.erase(k) > 0) << k;
        break;
      case 5: {
        const std::string to = key();
        const std::string done = write([&](WriteTxn& txn) { return rename_key(txn, collection_, k, collection_, to); });
        ASSERT_EQ(done, model.contains(k) ? "ok" : "not_found");
        if (model.contains(k) && k != to) {
          model[to] = model[k];
          model.erase(k);
        }
        break;
      }
      case 6:
        ASSERT_EQ(value(k), model.contains(k) ? model[k] : "<not_found>");
        break;
      default:
        if (random() % 10 == 0) reopen();
    }
    if (step % 20 != 0) continue;
    std::string expected;
    uint64_t total = 0;
    for (const auto& [name, content] : model) {
      expected.append(expected.empty() ? "" : " ").append(name);
      total += content.size();
    }
    ASSERT_EQ(keys(), expected) << "step " << step;
    ASSERT_EQ(info().keys, model.size()) << "step " << step;
    ASSERT_EQ(info().bytes, total) << "step " << step;
    for (const auto& [name, content] : model) ASSERT_EQ(value(name), content) << name;
    const CheckReport report = check_store(*store_);
    ASSERT_TRUE(report.sound()) << "step " << step << ": " << report.findings[0].where << ": "
                                << report.findings[0].what;
  }
}

}  // namespace
}  // namespace kvfs
