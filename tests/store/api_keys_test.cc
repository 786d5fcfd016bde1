#include "store/api_keys.h"

#include <gtest/gtest.h>

namespace kvfs {
namespace {

TEST(KeyTableTest, SaysWhatIsWrongWithAKey) {
  struct {
    ApiKey key;
    const char* says;
  } const cases[] = {{{"n", "", "", "t"}, "either the key itself or its SHA-256"},
                     {{"n", "k", std::string(64, 'a'), "t"}, "either the key itself or its SHA-256"},
                     {{"n", "", "abc", "t"}, "64 hexadecimal digits"},
                     {{"n", "k", "", ""}, "names no tenant"},
                     {{"n", "k", "", "a/b"}, "tenant"}};
  for (const auto& c : cases) {
    const auto table = KeyTable::build({c.key}, {});
    ASSERT_FALSE(table);
    EXPECT_NE(table.error().detail.find(c.says), std::string::npos) << table.error().detail;
  }
}

TEST(KeyTableTest, TakesHashes) {
  // printf %s secret | sha256sum
  const auto table =
      KeyTable::build({{"n", "", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", "t"}}, {});
  ASSERT_TRUE(table);
  EXPECT_TRUE((*table)->find("secret"));
  EXPECT_FALSE((*table)->find("Secret"));
}

TEST(KeyTableTest, AUserMustBeTheKeysOwnAndAnAdministratorChoosesATenantByIt) {
  const auto table = *KeyTable::build({{"acme#1", "a", "", "acme"}, {"admin#1", "b", "", "", false, true}}, {"lobby"});
  for (const char* user : {"default", "acme", "acme#1"}) {
    const auto found = table->find_user(user, "a");
    ASSERT_TRUE(found) << user;
    EXPECT_EQ(found->tenant, "acme");
  }
  EXPECT_EQ(table->find_user(std::nullopt, "a")->tenant, "acme");
  EXPECT_FALSE(table->find_user("other", "a"));
  EXPECT_FALSE(table->find_user("acme", "wrong"));
  EXPECT_EQ(table->find_user("other", "b")->tenant, "other");
  EXPECT_EQ(table->find_user(std::nullopt, "b")->tenant, "lobby");
  EXPECT_FALSE(table->find_user("a/b", "b"));
}

TEST(KeyTableTest, WithoutAKeyOneComesFromThisMachineOrWhereItIsAllowed) {
  const std::vector<ApiKey> keys = {{"n", "k", "", "acme"}};
  EXPECT_TRUE((*KeyTable::build({}, {"lobby"}))->anonymous(true)->admin);
  EXPECT_EQ((*KeyTable::build({}, {"lobby"}))->anonymous(false), nullptr);
  EXPECT_EQ((*KeyTable::build(keys, {"lobby"}))->anonymous(true), nullptr);
  const auto open = *KeyTable::build(keys, {"lobby", true});
  EXPECT_EQ(open->anonymous(false)->tenant, "lobby");
  EXPECT_FALSE(open->anonymous(true)->admin);
  EXPECT_EQ(open->tenants(), (std::vector<std::string>{"acme", "lobby"}));
}

}  // namespace
}  // namespace kvfs
