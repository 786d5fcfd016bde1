// What the commands on a store that is not in use share: finding it, opening it, and their exit codes.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "daemon/cli.h"
#include "store/store.h"

namespace kvfs {

/// The store that a command works on.
struct StoreChoice {
  std::string path;  // empty: the configured one
};

/// Adds --store. REQUIRES: `choice` outlives the parsing.
void add_store_option(CLI::App& app, StoreChoice& choice);

/// The options of the chosen store, as configured but for its path.
std::variant<StoreOptions, Failure> choose_store(const CommonOptions& common, const StoreChoice& choice);

/// Likewise; a store must be there already: a typing error does not make one.
std::variant<StoreOptions, Failure> choose_present_store(const CommonOptions& common, const StoreChoice& choice);

/// Busy, a request that cannot be met, or trouble with the store itself.
Failure failure_of(const Error& error);

}  // namespace kvfs
