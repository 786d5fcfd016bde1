#include "tests/respbridge/door_fixture.h"

namespace kvfs::resp {
namespace {

class AclTest : public DoorTest {
 protected:
  RespOptions options() override {
    RespOptions options;
    options.keys = {{"app", "s3cret", "", "acme", false, false},
                    {"reader", "readme", "", "acme", true, false},
                    {"boss", "chief", "", "acme", false, true},
                    {"other", "else", "", "beta", false, true},
                    {"root", "toor", "", "", false, true}};
    return options;
  }
};

TEST_F(AclTest, AnAdministratorSeesTheKeysOfHisTenantAndNothingOfTheKeysThemselves) {
  cmd("AUTH chief");
  EXPECT_EQ(cmd("ACL USERS"), "*3|$3|app|$6|reader|$4|boss");
  const std::string list = cmd("ACL LIST");
  EXPECT_TRUE(list.ends_with("|user boss on ~* &* +@all")) << list;
  EXPECT_NE(list.find("user reader on ~* &* +@all -@write -@admin"), std::string::npos) << list;
  EXPECT_EQ(cmd("ACL GETUSER other"), "$-1");
  EXPECT_TRUE(cmd("ACL GETUSER boss").starts_with("*12|$5|flags|*1|$2|on|$9|passwords|*0|$8|commands|$5|+@all|"));
  TestClient root(*service_);
  root("AUTH toor");
  EXPECT_EQ(root("ACL USERS"), "*5|$3|app|$6|reader|$4|boss|$5|other|$4|root");
  EXPECT_TRUE(root("ACL SETUSER x on").starts_with("-ERR users are the keys of kvfs.ini"));
}

TEST_F(AclTest, DryRunTellsWhatTheDoorWouldDo) {
  cmd("AUTH chief");
  EXPECT_EQ(cmd("ACL DRYRUN reader GET a"), "+OK");
  EXPECT_EQ(cmd("ACL DRYRUN reader SET a 1"), "$53|This user has no permissions to run the 'set' command");
  EXPECT_EQ(cmd("ACL DRYRUN app CONFIG SET a 1"), "$60|This user has no permissions to run the 'config|set' command");
  EXPECT_EQ(cmd("ACL DRYRUN app CONFIG GET a"), "+OK");
  EXPECT_EQ(cmd("ACL DRYRUN other GET a"), "-ERR User 'other' not found");
}

TEST_F(AclTest, OnlyAdministratorsSeeUsers) {
  cmd("AUTH s3cret");
  EXPECT_EQ(cmd("ACL WHOAMI"), "$3|app");
  for (const char* command : {"list", "users", "getuser x", "log", "setuser x", "deluser x", "save", "load"})
    EXPECT_TRUE(cmd("ACL " + std::string(command)).starts_with("-NOPERM")) << command;
}

TEST_F(AclTest, WhatWasRefusedIsLogged) {
  TestClient reader(*service_);
  reader("AUTH readme");
  reader("SET a 1");
  reader("SET a 2");
  reader("AUTH wrong");
  cmd("AUTH chief");
  const std::string log = cmd("ACL LOG");
  EXPECT_TRUE(
      log.starts_with("*2|*14|$5|count|:1|$6|reason|$4|auth|$7|context|$8|toplevel|$6|object|$4|AUTH|"
                      "$8|username|$7|default|"))
      << log;
  EXPECT_NE(log.find("|*14|$5|count|:2|$6|reason|$7|command|$7|context|$8|toplevel|$6|object|$3|set|"
                     "$8|username|$6|reader|"),
            std::string::npos)
      << log;
  TestClient elsewhere(*service_);
  elsewhere("AUTH else");
  EXPECT_EQ(elsewhere("ACL LOG"), "*0");
  EXPECT_EQ(cmd("ACL LOG RESET"), "+OK");
  EXPECT_EQ(cmd("ACL LOG"), "*0");
}

TEST_F(AclTest, TheLogNamesTheCommandThatBroughtTheKey) {
  TestClient guesser(*service_);
  guesser("HELLO 3 AUTH app wrong");
  cmd("AUTH toor");
  EXPECT_NE(cmd("ACL LOG").find("|$6|object|$5|HELLO|"), std::string::npos);
}

TEST_F(AclTest, UsersThatAreKeysAreNotRemoved) {
  cmd("AUTH chief");
  EXPECT_EQ(cmd("ACL DELUSER nosuch"), ":0");
  EXPECT_TRUE(cmd("ACL DELUSER nosuch reader").starts_with("-ERR users are the keys of kvfs.ini"));
}

TEST_F(AclTest, TheLogIsBounded) {
  cmd("AUTH toor");
  TestClient guesser(*service_);
  for (int i = 0; i < 1000; ++i) guesser("AUTH user" + std::to_string(i) + " x");
  EXPECT_TRUE(cmd("ACL LOG 100000").starts_with("*128|"));
}

}  // namespace
}  // namespace kvfs::resp
