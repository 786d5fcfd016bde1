// What a store is after its process was killed, its machine lost power or its journal was damaged.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "store/engine/engine.h"
#include "store/engine/files_check.h"
#include "tests/store/engine/temporary_directory.h"

namespace kvfs {
namespace {

class EngineRecoveryTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.path = directory_.path() + "/store";
    options_.notice = [this](const std::string& text) { notices_ += text + "\n"; };
  }

  /// Runs `work` on the store in a process of its own that ends without closing anything.
  void in_killed_process(const std::function<void(Engine&)>& work) {
    const pid_t child = fork();
    if (child == 0) {
      auto engine = open_engine(options_);
      if (!engine) _exit(1);
      work(**engine);
      _exit(HasFailure() ? 2 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }

  static void put(Engine& engine, std::string_view key, std::string_view value, const Durability& durability = {}) {
    EXPECT_TRUE(engine.transact([&](Transaction& txn) {
      txn.put(key, value);
      txn.require(durability);
      return Result<void>();
    }));
  }
  static ChunkRef put_chunk(Engine& engine, std::string_view key, const std::string& bytes) {
    const ChunkRef ref = engine.chunks().append(bytes).value();
    EXPECT_TRUE(engine.transact([&](Transaction& txn) {
      txn.use_chunk(ref);
      txn.put(key, std::string_view(reinterpret_cast<const char*>(&ref), sizeof ref));
      return Result<void>();
    }));
    return ref;
  }
  static std::optional<std::string> get(Engine& engine, std::string_view key) {
    const auto snapshot = engine.snapshot();
    const auto value = snapshot->get(key);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  std::string only_file(const std::string& part, const std::string& extension) {
    std::string found;
    for (const auto& item : std::filesystem::directory_iterator(options_.path + part)) {
      if (item.path().extension() != extension) continue;
      EXPECT_EQ(found, "");
      found = item.path();
    }
    return found;
  }
  static void overwrite(const std::string& path, uint64_t offset, const std::string& bytes) {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(fd, 0) << path;
    ASSERT_EQ(pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)), static_cast<ssize_t>(bytes.size()));
    close(fd);
  }

  TemporaryDirectory directory_;
  EngineOptions options_;
  std::string notices_;
};

TEST_F(EngineRecoveryTest, KilledProcessLosesNothingAcknowledged) {
  in_killed_process([](Engine& engine) {
    for (int i = 0; i < 500; ++i) put(engine, "key" + std::to_string(i), std::to_string(i));
    put(engine, "key7", "changed");
  });
  auto engine = open_engine(options_).value();
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(get(*engine, "key" + std::to_string(i)), i == 7 ? "changed" : std::to_string(i));
  }
}

TEST_F(EngineRecoveryTest, JournalLargerThanAMemtableIsReplayed) {
  in_killed_process([](Engine& engine) {
    for (int i = 0; i < 300; ++i) put(engine, "key" + std::to_string(i % 40), std::to_string(i));
  });
  options_.memtable_entries_max = 50;
  for (int round = 0; round < 2; ++round) {
    auto engine = open_engine(options_).value();
    for (int i = 260; i < 300; ++i) ASSERT_EQ(get(*engine, "key" + std::to_string(i % 40)), std::to_string(i));
    EXPECT_EQ(engine->snapshot()->sequence(), 300u);
  }
}

TEST_F(EngineRecoveryTest, UncleanStopIsNoticedAndUnusedChunksGoAway) {
  in_killed_process([](Engine& engine) {
    put_chunk(engine, "a", std::string(5000, 'a'));
    engine.chunks().append(std::string(9000, 'x')).value();
  });
  auto engine = open_engine(options_).value();
  EXPECT_TRUE(engine->chunks().unclean());
  ChunkRef ref;
  memcpy(&ref, get(*engine, "a")->data(), sizeof ref);
  ASSERT_TRUE(engine->chunks().retain_only([&](const ChunkStore::Keep& keep) {
    keep(ref);
    return Result<void>();
  }));
  EXPECT_EQ(engine->chunks().bytes_used(), 2 * uint64_t{kChunkPageBytes});
  std::string bytes(5000, '\0');
  EXPECT_TRUE(engine->chunks().read(ref, 0, 5000, bytes.data()));
}

TEST_F(EngineRecoveryTest, UnsyncedCommitWhoseChunkIsLostIsLeftOutWithAllAfterIt) {
  in_killed_process([](Engine& engine) {
    put(engine, "before", "1");
    put_chunk(engine, "chunked", std::string(5000, 'a'));
    put(engine, "after", "1");
  });
  overwrite(only_file("/chunks", ".chunks"), 100, "lost");
  for (int round = 0; round < 2; ++round) {
    auto engine = open_engine(options_).value();
    EXPECT_EQ(get(*engine, "before"), "1");
    EXPECT_EQ(get(*engine, "chunked"), std::nullopt);
    EXPECT_EQ(get(*engine, "after"), std::nullopt);
    put(*engine, "again", "1");
    EXPECT_EQ(get(*engine, "again"), "1");
  }
  EXPECT_NE(notices_.find("not on the disk yet"), std::string::npos);
}

TEST_F(EngineRecoveryTest, SyncedCommitIsKeptEvenIfItsChunkIsDamagedLater) {
  in_killed_process([](Engine& engine) {
    put_chunk(engine, "chunked", std::string(5000, 'a'));
    EXPECT_TRUE(engine.sync());
    put_chunk(engine, "later", std::string(5000, 'b'));
  });
  overwrite(only_file("/chunks", ".chunks"), 100, "lost");
  auto engine = open_engine(options_).value();
  EXPECT_NE(get(*engine, "chunked"), std::nullopt);
  EXPECT_NE(get(*engine, "later"), std::nullopt);
}

TEST_F(EngineRecoveryTest, DamageToAChunkThatHadReachedTheDiskCostsNoCommitAfterIt) {
  in_killed_process([](Engine& engine) {
    put_chunk(engine, "chunked", std::string(5000, 'a'));
    EXPECT_TRUE(engine.sync());
    put(engine, "after", "1");
    put(engine, "strict", "1", {Durability::Mode::strict});
  });
  overwrite(only_file("/chunks", ".chunks"), 100, "lost");
  auto engine = open_engine(options_).value();
  EXPECT_EQ(notices_, "");
  EXPECT_NE(get(*engine, "chunked"), std::nullopt);
  EXPECT_EQ(get(*engine, "after"), "1");
  EXPECT_EQ(get(*engine, "strict"), "1");
}

TEST_F(EngineRecoveryTest, DamagedJournalRefusesToOpenAndSalvageKeepsWhatIsReadable) {
  in_killed_process([](Engine& engine) {
    for (int i = 0; i < 100; ++i)
      put(engine, "key" + std::to_string(i), std::string(200, 'v'), {Durability::Mode::strict, 0});
  });
  const std::string journal = only_file("/journal", ".journal");
  overwrite(journal, 10'000, "damage");
  const auto refused = open_engine(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::corrupt);
  EXPECT_NE(refused.error().detail.find(std::filesystem::path(journal).filename()), std::string::npos)
      << refused.error().detail;

  options_.salvage = true;
  {
    auto engine = open_engine(options_).value();
    int kept = 0;
    for (int i = 0; i < 100; ++i) kept += get(*engine, "key" + std::to_string(i)) ? 1 : 0;
    EXPECT_GE(kept, 98);
    EXPECT_LT(kept, 100);
    EXPECT_EQ(get(*engine, "key0"), std::string(200, 'v'));
    EXPECT_EQ(get(*engine, "key99"), std::string(200, 'v'));
  }
  EXPECT_NE(notices_.find("salvage"), std::string::npos);
  options_.salvage = false;
  EXPECT_EQ(get(*open_engine(options_).value(), "key99"), std::string(200, 'v'));
}

TEST_F(EngineRecoveryTest, CheckpointEmptiesTheJournalAndSurvivesAKill) {
  in_killed_process([](Engine& engine) {
    for (int i = 0; i < 100; ++i) put(engine, "key" + std::to_string(i), "1");
    EXPECT_TRUE(engine.checkpoint());
    for (const auto& [name, value] : engine.stats()) {
      if (name == "journal_bytes") {
        EXPECT_EQ(value, 0u);
      }
      if (name == "memtable_entries") {
        EXPECT_EQ(value, 0u);
      }
    }
    put(engine, "after", "1");
  });
  auto engine = open_engine(options_).value();
  EXPECT_EQ(get(*engine, "key42"), "1");
  EXPECT_EQ(get(*engine, "after"), "1");
}

TEST_F(EngineRecoveryTest, KilledAtAnyMomentTheStoreHoldsAPrefixWithAllThatWasAcknowledged) {
  options_.memtable_entries_max = 100;
  int next = 0;
  for (int round = 0; round < 4; ++round) {
    int acknowledged[2];
    ASSERT_EQ(pipe(acknowledged), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto engine = open_engine(options_);
      if (!engine) _exit(1);
      for (int i = next;; ++i) {
        put(**engine, "count", std::to_string(i));
        put(**engine, "key" + std::to_string(i), std::to_string(i));
        if (write(acknowledged[1], &i, sizeof i) != sizeof i) _exit(1);
      }
    }
    close(acknowledged[1]);
    int last = -1;
    for (int wanted = next + 50 + 77 * round; last < wanted;) {
      if (read(acknowledged[0], &last, sizeof last) != sizeof last) break;
    }
    kill(child, SIGKILL);
    while (read(acknowledged[0], &last, sizeof last) == sizeof last) {
    }
    close(acknowledged[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    auto engine = open_engine(options_).value();
    const int count = std::stoi(*get(*engine, "count"));
    ASSERT_GE(count, last);
    ASSERT_LE(count, last + 1);
    for (int i = next; i <= last; ++i) ASSERT_EQ(get(*engine, "key" + std::to_string(i)), std::to_string(i));
    next = count + 1;
  }
}

TEST_F(EngineRecoveryTest, APartThatIsMissingIsNotMadeAnew) {
  in_killed_process([](Engine& engine) {
    put_chunk(engine, "a", std::string(5000, 'a'));
    EXPECT_TRUE(engine.checkpoint());
    put(engine, "b", "2");
  });
  for (const char* part : {"/base/data.mdb", "/base", "/journal", "/chunks"}) {
    SCOPED_TRACE(part);
    const std::string path = options_.path + part;
    std::filesystem::rename(path, directory_.path() + "/away");
    const auto checked = check_files(options_.path);
    const auto engine = open_engine(options_);
    ASSERT_FALSE(checked);
    ASSERT_FALSE(engine);
    EXPECT_EQ(engine.error().code, Errc::corrupt);
    EXPECT_NE(engine.error().detail.find(part), std::string::npos) << engine.error().detail;
    EXPECT_EQ(checked.error().detail, engine.error().detail);
    EXPECT_FALSE(std::filesystem::exists(path));
    std::filesystem::rename(directory_.path() + "/away", path);
  }
  auto engine = open_engine(options_).value();
  EXPECT_EQ(get(*engine, "b"), "2");
  EXPECT_TRUE(get(*engine, "a"));
}

TEST_F(EngineRecoveryTest, AJournalThatWentMissingAfterACleanEndIsNoticed) {
  put(*open_engine(options_).value(), "a", "1");
  const std::string journal = only_file("/journal", ".journal");
  std::filesystem::rename(journal, directory_.path() + "/away");
  for (int i = 0; i < 2; ++i) {
    const auto engine = open_engine(options_);
    ASSERT_FALSE(engine);
    EXPECT_EQ(engine.error().code, Errc::corrupt);
    EXPECT_NE(engine.error().detail.find("/journal: commits 1 to 1 are missing"), std::string::npos)
        << engine.error().detail;
  }
  std::filesystem::rename(directory_.path() + "/away", journal);
  EXPECT_EQ(get(*open_engine(options_).value(), "a"), "1");
  std::filesystem::remove(journal);
  options_.salvage = true;
  EXPECT_EQ(get(*open_engine(options_).value(), "a"), std::nullopt);
  EXPECT_NE(notices_.find("salvage: "), std::string::npos);
  options_.salvage = false;
  EXPECT_TRUE(open_engine(options_));
}

TEST_F(EngineRecoveryTest, AnEmptyBaseIsDamageAndNotANewStore) {
  in_killed_process([](Engine& engine) { put(engine, "a", "1"); });
  ASSERT_EQ(truncate((options_.path + "/base/data.mdb").c_str(), 0), 0);
  const auto engine = open_engine(options_);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Errc::corrupt);
  EXPECT_NE(engine.error().detail.find("/base/data.mdb"), std::string::npos) << engine.error().detail;
}

}  // namespace
}  // namespace kvfs
