// Access control lists: the rules of acl(5), byte by byte.
#include "store/acl.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/byte_order.h"
#include "store/store.h"

namespace kvfs {
namespace {

constexpr uint16_t kOwner = 1, kUser = 2, kGroupObj = 4, kGroup = 8, kMask = 16, kOther = 32;

struct Line {
  uint16_t tag;
  uint16_t permissions;
  uint32_t id = UINT32_MAX;
};

std::string list_of(const std::vector<Line>& lines, uint32_t version = 2) {
  std::string value;
  append_le(value, version);
  for (const Line& line : lines) {
    append_le(value, line.tag);
    append_le(value, line.permissions);
    append_le(value, line.id);
  }
  return value;
}

const std::vector<Line> kNamed = {{kOwner, 6}, {kUser, 7, 1234}, {kGroupObj, 5}, {kMask, 6}, {kOther, 4}};

TEST(AclRules, WhatIsMalformedIsRefused) {
  EXPECT_TRUE(Acl::decode(list_of(kNamed)));
  const std::vector<std::string> bad = {
      "",
      "x",
      list_of({}),
      list_of(kNamed, 1),
      list_of(kNamed) + "x",
      list_of({{kOwner, 6}, {kGroupObj, 4}}),
      list_of({{kOwner, 8}, {kGroupObj, 4}, {kOther, 4}}),
      list_of({{kGroupObj, 4}, {kOwner, 6}, {kOther, 4}}),
      list_of({{kOwner, 6}, {kOwner, 6}, {kGroupObj, 4}, {kOther, 4}}),
      list_of({{kOwner, 6}, {kUser, 7, 1}, {kGroupObj, 4}, {kOther, 4}}),
      list_of({{kOwner, 6}, {kGroupObj, 4}, {kGroup, 4, 1}, {kOther, 4}}),
      list_of({{kOwner, 6}, {kGroupObj, 4}, {3, 4}, {kOther, 4}}),
  };
  for (const std::string& value : bad) {
    const auto acl = Acl::decode(value);
    ASSERT_FALSE(acl);
    EXPECT_EQ(acl.error().code, Errc::invalid);
  }
}

TEST(AclRules, TheMaskIsTheGroupsPartOfTheMode) {
  EXPECT_EQ(Acl::decode(list_of(kNamed))->permissions(), 0664u);
  const auto minimal = Acl::decode(list_of({{kOwner, 7}, {kGroupObj, 5}, {kOther, 1}}));
  EXPECT_TRUE(minimal->is_minimal());
  EXPECT_EQ(minimal->permissions(), 0751u);
}

TEST(AclRules, ChmodChangesTheMaskAndLeavesWhatTheGroupHas) {
  auto acl = Acl::decode(list_of(kNamed));
  acl->set_permissions(0710);
  EXPECT_EQ(acl->encode(), list_of({{kOwner, 7}, {kUser, 7, 1234}, {kGroupObj, 5}, {kMask, 1}, {kOther, 0}}));
}

TEST(AclRules, WhatANewNodeInheritsIsNoMoreThanItIsAskedFor) {
  const std::string list = list_of({{kOwner, 7}, {kUser, 7, 1234}, {kGroupObj, 7}, {kMask, 7}, {kOther, 5}});
  const auto file = inherit_acls(list, "", false, 0640);
  EXPECT_EQ(file.mode, 0640u);
  EXPECT_EQ(Xattrs::find(file.xattrs, kAccessAclName),
            list_of({{kOwner, 6}, {kUser, 7, 1234}, {kGroupObj, 7}, {kMask, 4}, {kOther, 0}}));
  EXPECT_FALSE(Xattrs::find(file.xattrs, kDefaultAclName));
  const auto directory = inherit_acls(list, "", true, 02777);
  EXPECT_EQ(directory.mode, 02775u);
  EXPECT_EQ(Xattrs::find(directory.xattrs, kDefaultAclName), list);
  const auto minimal = inherit_acls(list_of({{kOwner, 7}, {kGroupObj, 5}, {kOther, 0}}), "", false, 0666);
  EXPECT_EQ(minimal.mode, 0640u);
  EXPECT_EQ(minimal.xattrs, "");
}

TEST(AclRules, KeysOfOtherDoorsInheritThemAndTheGroupOfADirectory) {
  StoreOptions options;
  options.engine.kind = "memory";
  const auto store = Store::open(options);
  ASSERT_TRUE(store);
  const std::string list = list_of({{kOwner, 7}, {kUser, 7, 1234}, {kGroupObj, 5}, {kMask, 7}, {kOther, 0}});
  const auto done = (*store)->write([&](WriteTxn& txn) -> Result<void> {
    const auto tenant = ensure_tenant(txn, "t");
    const auto collection = ensure_collection(txn, *tenant, "c");
    const auto found = find_name(txn, *tenant, "c");
    const Located at{{*tenant, "c", true}, "c", found->entry};
    AttributeChange group;
    group.mode = 02755;
    group.gid = 77;
    EXPECT_TRUE(set_attributes(txn, at, group));
    EXPECT_TRUE(set_acl(txn, at, kDefaultAclName, list, 0));
    EXPECT_TRUE(put(txn, *collection, "d/f", "value"));
    const auto directory = find_name(txn, *collection, "d");
    EXPECT_EQ(directory->entry.mode, 02770u);
    EXPECT_EQ(directory->entry.gid, 77u);
    EXPECT_EQ(Xattrs::find(directory->entry.xattrs, kDefaultAclName), list);
    const auto file = peek(txn, *collection, "d/f");
    EXPECT_EQ(file->mode, 0660u);
    EXPECT_EQ(file->gid, 77u);
    EXPECT_EQ(Acl::decode(*Xattrs::find(file->xattrs, kAccessAclName))->permissions(), 0660u);
    EXPECT_FALSE(Xattrs::find(file->xattrs, kDefaultAclName));
    return {};
  });
  EXPECT_TRUE(done) << done.error().message();
}

TEST(AclRules, TheyFollowModesAndNodesOfAStore) {
  StoreOptions options;
  options.engine.kind = "memory";
  const auto store = Store::open(options);
  ASSERT_TRUE(store);
  const auto done = (*store)->write([&](WriteTxn& txn) -> Result<void> {
    NewNode node;
    node.kind = Kind::directory;
    node.mode = 0777;
    node.umask = 022;
    const auto tenant = make_node(txn, kRootDir, "t", node);
    EXPECT_EQ(tenant->mode, 0755u);
    const auto collection = make_node(txn, tenant->inode, "c", node);
    const Located at{{tenant->inode, "c", true}, "c", *collection};
    const auto set = set_acl(txn, at, kDefaultAclName, list_of(kNamed), 0);
    EXPECT_TRUE(set) << set.error().message();
    EXPECT_EQ(set->mode, 0755u);
    const auto inner = make_node(txn, collection->inode, "d", node);
    EXPECT_EQ(inner->mode, 0664u);
    node.kind = Kind::file;
    node.mode = 0600;
    const auto file = make_node(txn, inner->inode, "f", node);
    EXPECT_EQ(file->mode, 0600u);
    const Located file_at{{inner->inode, "f", false}, "f", *file};
    EXPECT_EQ(set_acl(txn, file_at, kDefaultAclName, list_of(kNamed), 0).error().code, Errc::access_denied);
    AttributeChange change;
    change.mode = 0666;
    const auto changed = set_attributes(txn, file_at, change);
    EXPECT_EQ(Acl::decode(*Xattrs::find(changed->xattrs, kAccessAclName))->permissions(), 0666u);
    const std::string minimal = list_of({{kOwner, 6}, {kGroupObj, 0}, {kOther, 0}});
    const Located again{file_at.slot, "f", *changed};
    const auto dropped = set_acl(txn, again, kAccessAclName, minimal, 0);
    EXPECT_EQ(dropped->mode, 0600u);
    EXPECT_EQ(dropped->xattrs, "");
    return {};
  });
  EXPECT_TRUE(done) << done.error().message();
}

}  // namespace
}  // namespace kvfs
