// Rows of the configuration table: the trash.
#pragma once

#include <array>

#include "daemon/config_table.h"

namespace kvfs {

inline constexpr std::array kTrashRows = {
    ConfigKey{.section = "trash",
              .key = "keep",
              .type = ConfigType::duration,
              .default_value = "0s",
              .help = "How long removed values are kept, so that they can be had back: from .kvfs/trash in the mount, "
                      "or /trash over HTTP. 0s: not at all. Counts for what is removed from then on.",
              .reload = true},
    ConfigKey{.section = "trash",
              .key = "max_size",
              .type = ConfigType::size,
              .default_value = "1G",
              .help = "The most bytes of removed values that are kept for a tenant, and no more than its quota leaves. "
                      "Beyond it the oldest go first; a larger value goes at once.",
              .reload = true,
              .minimum = 1},
    ConfigKey{.section = "trash",
              .key = "max_keys",
              .type = ConfigType::integer,
              .default_value = "100000",
              .help = "Likewise, the most values.",
              .reload = true,
              .minimum = 1},
};

}  // namespace kvfs
