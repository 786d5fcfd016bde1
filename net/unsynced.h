// Connections whose answers wait for a sync of the store.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "net/mailbox.h"
#include "store/store.h"

namespace kvfs {

/// Those of one loop's thread, which alone uses this. `Session` has synced(const Result<void>&), called on that
/// thread, if it is still there, once its writes are durable, or with why they may not be.
template <class Session>
class Unsynced {
 public:
  explicit Unsynced(EventLoop& loop) : mailbox_(std::make_shared<Mailbox>(loop)) {}
  /// Nobody is told any more. REQUIRES: the loop is still there.
  ~Unsynced() { mailbox_->close(); }
  Unsynced(const Unsynced&) = delete;
  Unsynced& operator=(const Unsynced&) = delete;

  /// The session's writes end with the commit `sequence`.
  void add(const std::shared_ptr<Session>& session, Sequence sequence) {
    sessions_.push_back(session);
    last_ = std::max(last_, sequence);
  }
  size_t size() const { return sessions_.size(); }

  /// Asks for one sync for all who were added since it was last asked for. What throws (there is no memory) leaves them
  /// to be asked for again.
  void ask(Store& store) {
    const auto asked = std::make_shared<std::vector<std::weak_ptr<Session>>>();
    asked->swap(sessions_);
    try {
      store.when_durable(last_, [mailbox = mailbox_, asked](const Result<void>& done) {
        mailbox->post([asked, done] {
          for (const auto& each : *asked)
            if (const auto session = each.lock()) session->synced(done);
        });
      });
    } catch (const std::exception&) {
      asked->swap(sessions_);
      throw;
    }
  }

 private:
  const std::shared_ptr<Mailbox> mailbox_;  // for threads of the store
  std::vector<std::weak_ptr<Session>> sessions_;
  Sequence last_ = 0;
};

}  // namespace kvfs
