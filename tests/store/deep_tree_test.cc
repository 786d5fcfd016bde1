// Directories below others that were renamed to where the path becomes longer than a key may be.
#include <pthread.h>

#include <functional>
#include <sstream>

#include "store/check.h"
#include "store/dump.h"
#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

/// Runs `work` on a stack that recursion into thousands of directories would not fit on.
void on_a_small_stack(const std::function<void()>& work) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, size_t{512} * 1024), 0);
  pthread_t thread{};
  const auto run = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, const_cast<void*>(static_cast<const void*>(&work))), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

class DeepTreeTest : public StoreTest {
 protected:
  struct Names {
    int count;
    std::string name;
  };
  /// Directories whose path is nearly as long as a key may be.
  static Names many() { return {2'000, "d"}; }
  static Names few() { return {16, std::string(250, 'd')}; }

  /// Puts the directory `whole` of the collection below new ones, the uppermost of which becomes `whole`.
  void push_down(const Names& names) {
    DirId at = collection_;
    ASSERT_EQ(write([&](WriteTxn& txn) -> Result<void> {
                for (int level = 0; level < names.count; ++level) {
                  const Result<Entry> made = make_node(txn, at, level == 0 ? "top" : names.name, new_directory());
                  if (!made) return made.error();
                  at = made->inode;
                }
                return {};
              }),
              "ok");
    ASSERT_EQ(rename({collection_, "whole", true}, {at, "x", true}), "ok");
    ASSERT_EQ(rename({collection_, "top", true}, {collection_, "whole", true}), "ok");
  }
  std::string rename(const Slot& from, const Slot& to) {
    return write([&](WriteTxn& txn) { return kvfs::rename(txn, from, to, RenameMode::replace); });
  }
  DirId make_whole() {
    return store_->write([&](WriteTxn& txn) { return make_node(txn, collection_, "whole", new_directory()); })->inode;
  }
  std::string unlink(DirId dir, std::string_view name) {
    return write([&](WriteTxn& txn) { return kvfs::unlink(txn, {dir, name, false}); });
  }
  std::string make(DirId dir, std::string_view name) {
    return write([&](WriteTxn& txn) { return make_node(txn, dir, name, NewNode{}); });
  }
  std::string path_of(DirId dir) {
    return store_->read([&](const ReadTxn& txn) -> std::string {
      const Result<DirPathPtr> path = dir_path(txn, dir);
      return path ? std::to_string((*path)->key_prefix.size()) : std::string(to_string(path.error().code));
    });
  }
  static std::string dumped(Store& store) {
    std::string out;
    EXPECT_TRUE(dump(store, [&](std::string_view line) -> Result<void> {
      out.append(line);
      return {};
    }));
    return out;
  }
};

TEST_F(DeepTreeTest, HoweverDeepADirectoryIsWorkingInItNeedsLittleStack) {
  const DirId deep = make_whole();
  ASSERT_EQ(make(deep, "file"), "ok");
  for (int i = 0; i < 4; ++i) push_down(many());
  on_a_small_stack([&] {
    EXPECT_GT(std::stoul(path_of(deep)), 16'000U);
    EXPECT_EQ(unlink(deep, "file"), "ok");
    EXPECT_EQ(make(deep, "other"), "ok");
    EXPECT_EQ(rename({collection_, "whole", true}, {deep, "loop", true}), "invalid");
  });
}

TEST_F(DeepTreeTest, BeyondTheLongestPathNothingIsReachedUntilItIsRenamedBack) {
  const DirId deep = make_whole();
  ASSERT_EQ(make(deep, "file"), "ok");
  push_down(few());
  const DirId first = locate(collection_, "whole")->entry.inode;
  while (path_of(deep) != "key_too_long") push_down(few());
  EXPECT_NE(unlink(deep, "file"), "ok");
  const auto [parent, name] = store_->read([&](const ReadTxn& txn) {
    const DirPathPtr path = *dir_path(txn, first);
    return std::pair{path->parent, path->name};
  });
  EXPECT_EQ(rename({parent, name, true}, {collection_, "back", true}), "ok");
  EXPECT_EQ(unlink(deep, "file"), "ok");
}

TEST_F(DeepTreeTest, ACheckFindsNothingAndItsDumpLoadsAgain) {
  const DirId deep = make_whole();
  ASSERT_EQ(make(deep, "file"), "ok");
  for (int i = 0; i < 2; ++i) push_down(few());
  const CheckReport report = check_store(*store_);
  EXPECT_TRUE(report.sound()) << report.findings.at(0).where << ": " << report.findings.at(0).what;
  const std::string text = dumped(*store_);
  const std::unique_ptr<Store> other = *Store::open(options());
  std::istringstream input(text);
  const Result<LoadReport> loaded = load(*other, input, {});
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(dumped(*other), text);
}

}  // namespace
}  // namespace kvfs
