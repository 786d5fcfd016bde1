// What clients ask about scripts and functions before they use any: there are none, and nothing else is offered yet.
#include "respbridge/commands.h"
#include "respbridge/numbers.h"
#include "respbridge/options_reader.h"

namespace kvfs::resp::commands {

/// FUNCTION FLUSH and SCRIPT FLUSH: nothing is left, as there was nothing.
void function_flush(Call& call) {
  if (call.args.size() > 3) return call.wrong_subcommand_arity();
  const bool known = call.args.size() == 2 || (call.args.size() == 3 && (equals_ignoring_case(call.args[2], "async") ||
                                                                         equals_ignoring_case(call.args[2], "sync")));
  if (known) return call.reply.ok();
  call.reply.error(call.spec.name.starts_with("function") ? "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"
                                                          : "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
}

void function_list(Call& call) {
  OptionsReader words(call.args, 2);
  while (!words.at_end())
    if (!words.take("withcode") && !words.take_value("libraryname"))
      return call.reply.error("ERR Unknown argument " + std::string(words.next()));
  call.reply.array(0);
}

void script_exists(Call& call) {
  call.reply.array(call.args.size() - 2);
  for (size_t i = 2; i < call.args.size(); ++i) call.reply.integer(0);
}

void script_kill(Call& call) { call.reply.error("NOTBUSY No scripts in execution right now."); }

}  // namespace kvfs::resp::commands
