#include "store/channels.h"

#include <gtest/gtest.h>

namespace kvfs {
namespace {

class Recorder : public Channels::Subscriber {
 public:
  void deliver(const Channels::Message& message) noexcept override {
    if (message.pattern.data() != nullptr) log.append(message.pattern).append(" ");
    log.append(message.channel).append("=").append(message.payload).append(";");
  }
  std::string log;
};

class ChannelsTest : public testing::Test {
 protected:
  Channels channels_;
  std::shared_ptr<Recorder> a_ = std::make_shared<Recorder>();
  std::shared_ptr<Recorder> b_ = std::make_shared<Recorder>();
};

TEST_F(ChannelsTest, AMessageGoesToSubscribersByNameAndByPattern) {
  channels_.subscribe("acme", "news", a_);
  channels_.subscribe_pattern("acme", "n*", a_);
  channels_.subscribe_pattern("acme", "x*", b_);
  EXPECT_EQ(channels_.publish("acme", "news", "hi"), 2u);
  EXPECT_EQ(a_->log, "news=hi;n* news=hi;");
  EXPECT_EQ(b_->log, "");
  EXPECT_EQ(channels_.receivers("acme", "news"), 2u);
}

TEST_F(ChannelsTest, TenantsDoNotHearEachOther) {
  channels_.subscribe("acme", "news", a_);
  EXPECT_EQ(channels_.publish("other", "news", "hi"), 0u);
  EXPECT_EQ(a_->log, "");
}

TEST_F(ChannelsTest, SubscribingTwiceIsSubscribingOnce) {
  channels_.subscribe("acme", "news", a_);
  channels_.subscribe("acme", "news", a_);
  EXPECT_EQ(channels_.publish("acme", "news", "hi"), 1u);
}

TEST_F(ChannelsTest, NothingComesAfterUnsubscribing) {
  channels_.subscribe("acme", "news", a_);
  channels_.subscribe_pattern("acme", "n*", a_);
  channels_.unsubscribe("acme", "news", a_.get());
  channels_.unsubscribe_pattern("acme", "n*", a_.get());
  EXPECT_EQ(channels_.publish("acme", "news", "hi"), 0u);
  EXPECT_TRUE(channels_.active("acme", "").empty());
  EXPECT_EQ(channels_.patterns("acme"), 0u);
}

TEST_F(ChannelsTest, ListsActiveChannels) {
  channels_.subscribe("acme", "news", a_);
  channels_.subscribe("acme", "news", b_);
  channels_.subscribe("acme", "weather", b_);
  EXPECT_EQ(channels_.active("acme", ""), (std::vector<std::string>{"news", "weather"}));
  EXPECT_EQ(channels_.active("acme", "w*"), (std::vector<std::string>{"weather"}));
  EXPECT_EQ(channels_.subscribers("acme", "news"), 2u);
}

}  // namespace
}  // namespace kvfs
