// The commands to a kvfs that is running: it is asked over the socket in its store's directory.
#include <fmt/format.h>

#include "daemon/cli_store.h"
#include "daemon/control_client.h"
#include "daemon/progress_bar.h"

namespace kvfs {

namespace {

struct Order {
  StoreChoice store;
  ControlRequest request;
};

int run_order(const Order& order, const CommonOptions& common) {
  const auto chosen = choose_present_store(common, order.store);
  if (const auto* failure = std::get_if<Failure>(&chosen)) return report(*failure);
  ProgressBar bar;
  const Result<std::string> answer =
      ask_running(std::get<StoreOptions>(chosen).engine.path, order.request, bar.function());
  bar.clear();
  if (!answer) {
    const bool busy = answer.error().code == Errc::busy;
    return report({busy ? ExitCode::store_locked : ExitCode::failure, answer.error().message()});
  }
  fmt::print("{}", *answer);
  return static_cast<int>(ExitCode::ok);
}

/// A subcommand that becomes `order.request.words`, as `words()` makes them of what was typed.
template <class Words>
void set_callback(CLI::App& command, const std::shared_ptr<Order>& order, CommonOptions& common,
                  std::function<int()>& run, Words words) {
  add_common_options(command, common);
  add_store_option(command, order->store);
  command.callback([order, &common, &run, words] {
    order->request.words = words();
    run = [order, &common] { return run_order(*order, common); };
  });
}

void add_tenant_option(CLI::App& command, const std::shared_ptr<Order>& order) {
  command.add_option("--tenant", order->request.tenant, "What this tenant sees of it")->type_name("NAME");
}

using WordList = std::vector<std::string>;

void add_snapshot_commands(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  CLI::App* snapshot = app.add_subcommand("snapshot", "Takes, lists and drops named snapshots of a running kvfs");
  snapshot->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, const char* verb, bool named, int leases) {
    auto order = std::make_shared<Order>();
    auto words = std::make_shared<std::pair<std::string, std::string>>();
    CLI::App* command = snapshot->add_subcommand(name, help);
    add_tenant_option(*command, order);
    if (named) command->add_option("NAME", words->first, "The snapshot")->required();
    if (leases != 0) {
      auto* lease = command->add_option("LEASE", words->second, "How long it is kept, e.g. 30m or 12h");
      lease->required(leases == 2);
    }
    set_callback(*command, order, common, run, [words, verb] {
      WordList list{verb};
      for (const std::string& word : {words->first, words->second})
        if (!word.empty()) list.push_back(word);
      return list;
    });
  };
  add("take", "Takes a snapshot", "snapshot", true, 1);
  add("list", "Lists the snapshots", "snapshots", false, 0);
  add("extend", "Lets a snapshot's lease end that long from now", "extend", true, 2);
  add("drop", "Drops a snapshot", "drop", true, 0);
}

}  // namespace

void add_control_commands(CLI::App& app, CommonOptions& common, std::function<int()>& run) {
  const auto add = [&](const char* name, const char* help) {
    auto order = std::make_shared<Order>();
    CLI::App* command = app.add_subcommand(name, help);
    set_callback(*command, order, common, run, [name] { return WordList{name}; });
  };
  add("sync", "Makes all that a running kvfs has acknowledged durable");
  add("checkpoint", "Makes a running kvfs fold its journal into the base");
  add("reload", "Makes a running kvfs take over its configuration, as SIGHUP does, and tell the outcome");

  auto order = std::make_shared<Order>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* stats = app.add_subcommand("stats", "Prints the figures of a running kvfs");
  stats->add_flag("--json", *as_json, "As a JSON object");
  add_tenant_option(*stats, order);
  set_callback(*stats, order, common, run, [as_json] {
    return *as_json ? WordList{"stats", "json"} : WordList{"stats"};
  });

  auto any = std::make_shared<Order>();
  auto typed = std::make_shared<WordList>();
  CLI::App* control = app.add_subcommand("control", "Gives a running kvfs any of its control commands; try help");
  add_tenant_option(*control, any);
  control->add_option("WORD", *typed, "The command and its arguments")->required();
  set_callback(*control, any, common, run, [typed] { return *typed; });

  add_snapshot_commands(app, common, run);
}

}  // namespace kvfs
