// maxmemory, maxmemory-policy, maxmemory-samples and maxkeys: in kvfs each tenant has its own, kept in the store.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "respbridge/command.h"
#include "store/access_history.h"
#include "store/store.h"

namespace kvfs::resp {

/// CONFIG GET as the caller's tenant has it.
std::vector<std::pair<std::string, std::string>> effective_config(Call& call,
                                                                  const std::vector<std::string_view>& patterns);
/// CONFIG SET: what belongs to the tenant goes into its settings, which last. Errors (the whole reply): invalid.
Result<void> configure(Call& call, const std::vector<std::pair<std::string_view, std::string_view>>& values);

/// Of the caller's tenant; empty where it does not exist yet.
Store::Usage tenant_usage(Call& call);
EvictionPolicy eviction_policy(Call& call);
/// Whether MULTI refuses to queue the command, and EXEC to begin: where nothing may be evicted, the tenant holds more
/// than its `maxmemory`, or the arguments alone are more than that.
bool lacks_memory(Service& service, const Client& client, const CommandSpec& spec, Args args);
/// Uses are noted from now on, at all doors, as where a policy wants them: for who asks for them.
void note_uses(Call& call);
/// What is known of the use of a key.
std::optional<AccessHistory::Use> use_of(Call& call, std::string_view key);
/// Where uses are noted, what is to be known of a key's.
void set_use(Call& call, std::string_view key, uint64_t idle_s, uint8_t frequency);

}  // namespace kvfs::resp
