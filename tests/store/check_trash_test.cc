#include <functional>
#include <map>

#include "store/check.h"
#include "store/trash_rows.h"
#include "tests/store/store_fixture.h"

namespace kvfs {
namespace {

using Rows = std::map<std::string, std::string>;

/// A store whose trash holds a small, a large and an open value.
class CheckTrashTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store_->set_trash({.keep_ms = 1000});
    for (const auto& [key, bytes] : {std::pair("small", 5), std::pair("large", 100'000), std::pair("open", 7)})
      ASSERT_TRUE(put(key, std::string(static_cast<size_t>(bytes), 'x')));
    open_ = locate(collection_, "open")->entry.inode;
    store_->hold_inode(open_, {collection_, "open", false});
    for (const char* key : {"small", "large", "open"}) ASSERT_TRUE(remove(key));
    store_->read([&](const ReadTxn& txn) {
      list_trash(txn, tenant_, 0, [&](const Trashed& item) {
        ids_.emplace(item.key, item.id);
        ends_ms_ = item.ends_ms;
        return true;
      });
    });
    ASSERT_EQ(ids_.size(), 2U);
    before_ = rows();
    ASSERT_EQ(text(check_store(*store_)), "");
  }

  Rows rows() {
    Rows out;
    const auto snapshot = store_->engine().snapshot();
    const auto cursor = snapshot->cursor();
    for (cursor->seek(""); cursor->valid(); cursor->next()) out.emplace(cursor->key(), cursor->value());
    return out;
  }
  void damage(const std::function<void(Transaction&)>& change) {
    ASSERT_TRUE(store_->engine().transact([&](Transaction& rows) -> Result<void> {
      change(rows);
      return {};
    }));
  }
  static std::string text(const CheckReport& report) {
    std::string out;
    for (const CheckFinding& finding : report.findings) out += finding.where + ": " + finding.what + "\n";
    return out;
  }
  void repair(const std::string& expected) {
    const CheckReport report = check_store(*store_);
    EXPECT_NE(text(report).find(expected), std::string::npos) << text(report);
    CheckOptions options;
    options.repair = true;
    EXPECT_TRUE(check_engine(store_->engine(), options).sound());
  }
  void expect_mended(const std::string& expected) {
    repair(expected);
    EXPECT_EQ(text(check_store(*store_)), "");
    EXPECT_TRUE(rows() == before_) << expected;
  }

  Rows before_;
  std::map<std::string, Version, std::less<>> ids_;
  uint64_t ends_ms_ = 0;
  Inode open_ = 0;
};

TEST_F(CheckTrashTest, TotalsAreMended) {
  damage([&](Transaction& txn) { txn.put(rows::trash_prefix(tenant_), rows::encode_trash_totals({3, 5})); });
  expect_mended("counts 3 values and 5 bytes; there are 2 and 100005");
  damage([&](Transaction& txn) { txn.put(rows::trash_prefix(tenant_), "nonsense"); });
  expect_mended("there are 2 and 100005");
  damage([&](Transaction& txn) { txn.erase(rows::trash_prefix(tenant_)); });
  expect_mended("counts 0 values and 0 bytes; there are 2 and 100005");
  damage([&](Transaction& txn) { txn.put(rows::trash_prefix(tenant_ + 1), rows::encode_trash_totals({1, 1})); });
  expect_mended("counts 1 values and 1 bytes; there are 0 and 0");
}

TEST_F(CheckTrashTest, TheIndexByTimeIsMended) {
  damage([&](Transaction& txn) { txn.erase(rows::trash_end(tenant_, ends_ms_, ids_["small"])); });
  expect_mended("when it goes is not in the index");
  damage([&](Transaction& txn) { txn.put(rows::trash_end(tenant_, ends_ms_ + 1, ids_["small"]), {}); });
  expect_mended("a time that is no removed value's");
  damage([&](Transaction& txn) { txn.put(rows::trash_prefix(tenant_) + "?", {}); });
  expect_mended("a malformed row key of the trash");
}

TEST_F(CheckTrashTest, WhatALargeValueStatesIsMended) {
  const std::string row = rows::trash_item(tenant_, ids_["large"]);
  damage([&](Transaction& txn) {
    const std::string bytes(*txn.get(row));
    rows::TrashItem item = *rows::decode_trash_item(bytes);
    item.entry.bytes = 5;
    txn.put(row, rows::encode_trash_place(item.place) + encode_entry(item.entry));
  });
  expect_mended("states 5 bytes in chunks; there are 100000");
}

TEST_F(CheckTrashTest, ADamagedItemGoesWithItsChunks) {
  damage([&](Transaction& txn) { txn.put(rows::trash_item(tenant_, ids_["large"]), "nonsense"); });
  repair("a malformed place of a removed value");
  store_->read([&](const ReadTxn& txn) { EXPECT_EQ(trash_use(txn, tenant_), (TrashUse{1, 5})); });
  for (const auto& [row, value] : rows()) EXPECT_NE(row.front(), static_cast<char>(Table::chunk));
}

TEST_F(CheckTrashTest, AnOpenFilesDamagedPlaceIsForgotten) {
  damage([&](Transaction& txn) { txn.put(orphan_row(open_), "nonsense"); });
  repair("its place in the trash is damaged");
  store_->release_inode(open_);
  store_->read([&](const ReadTxn& txn) { EXPECT_EQ(trash_use(txn, tenant_).keys, 2U); });
}

}  // namespace
}  // namespace kvfs
