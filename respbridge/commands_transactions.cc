// MULTI and its kin. EXEC itself is the executor's.
#include "respbridge/commands.h"
#include "respbridge/errors.h"
#include "respbridge/service.h"
#include "respbridge/watching.h"

namespace kvfs::resp::commands {

void discard_transaction(Client& client) {
  client.in_transaction = client.transaction_failed = false;
  client.queue.clear();
  client.queue_bytes = 0;
  client.watched.clear();
}

void multi(Call& call) {
  if (call.client.in_transaction) return call.reply.error("ERR MULTI calls can not be nested");
  call.client.in_transaction = true;
  call.reply.ok();
}

void exec(Call& call) {
  if (!call.client.in_transaction) return call.reply.error("ERR EXEC without MULTI");
  discard_transaction(call.client);
  call.reply.error("EXECABORT Transaction discarded because of previous errors.");
}

void discard(Call& call) {
  if (!call.client.in_transaction) return call.reply.error("ERR DISCARD without MULTI");
  discard_transaction(call.client);
  call.reply.ok();
}

void watch(Call& call) {
  Client& client = call.client;
  if (client.in_transaction) return call.reply.error("ERR WATCH inside MULTI is not allowed");
  const std::string& collection = call.service.collection_name(client.database);
  for (const std::string_view key : call.args.subspan(1)) {
    if (client.watched.size() >= call.service.options().watched_keys_max)
      return call.reply.error("ERR a client watches at most " +
                              std::to_string(call.service.options().watched_keys_max) + " keys");
    client.watched.push_back(watched_now(call.service.store(), call.service.store().feed(), client.identity.tenant,
                                         collection, std::string(key)));
  }
  call.reply.ok();
}

void unwatch(Call& call) {
  call.client.watched.clear();
  call.reply.ok();
}

}  // namespace kvfs::resp::commands
