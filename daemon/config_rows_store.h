// Options of the store, of tenants and of the log. See config_table.h.
#pragma once

#include <array>

#include "daemon/config_table.h"

namespace kvfs {

inline constexpr std::array kStoreRows = {
    ConfigKey{.section = "store",
              .key = "path",
              .type = ConfigType::path,
              .default_value = "/var/lib/kvfs",
              .help =
                  "The directory of the store. It is made if it is absent, its parent is not. One process has it open "
                  "at a time. DB_PATH in the environment means the same."},
    ConfigKey{.section = "store",
              .key = "engine",
              .type = ConfigType::choice,
              .default_value = "lmdb",
              .help = "What keeps the rows. memory keeps nothing when the daemon ends.",
              .choices = "lmdb, memory"},
    ConfigKey{.section = "store",
              .key = "fsync",
              .type = ConfigType::durability,
              .default_value = "default",
              .help = "When an acknowledged write survives power loss. strict: always. every=N: but for the last N "
                      "operations. interval=MS: but for the last MS milliseconds. default: but for what the system had "
                      "not written yet, a second or so. Each survives a crash of the daemon."},
    ConfigKey{.section = "store",
              .key = "max_size",
              .type = ConfigType::size,
              .default_value = "0",
              .help = "The most that the store may take on disk; 0: what the disk has. At the limit writes fail with "
                      "no-space, reads and removals go on."},
    ConfigKey{.section = "store",
              .key = "feed_changes_max",
              .type = ConfigType::integer,
              .default_value = "20000",
              .help = "Changes kept in memory for watchers that fall behind.",
              .minimum = 1,
              .maximum = 100'000'000},
    ConfigKey{
        .section = "store",
        .key = "expiry_interval",
        .type = ConfigType::duration,
        .default_value = "100ms",
        .help = "How often expired keys are removed. They are invisible from their last millisecond on in any case."},
    ConfigKey{.section = "store",
              .key = "expiry_batch_max",
              .type = ConfigType::integer,
              .default_value = "1000",
              .help = "Expired keys removed by one transaction.",
              .minimum = 1,
              .maximum = 1'000'000},
};

inline constexpr std::array kAuthRows = {
    ConfigKey{.section = "auth",
              .key = "keys",
              .type = ConfigType::list,
              .default_value = "",
              .help = "Keys with their tenants, as KEY=TENANT.",
              .secret = true,
              .reload = true},
    ConfigKey{.section = "auth",
              .key = "admin_keys",
              .type = ConfigType::list,
              .default_value = "",
              .help = "Keys of administrators, who may work in all tenants.",
              .secret = true,
              .reload = true},
    ConfigKey{
        .section = "auth",
        .key = "keys_file",
        .type = ConfigType::path,
        .default_value = "",
        .help = "A file with a key and its tenant on each line, optionally followed by read_only or admin; the tenant "
                "* stands for all. Lines beginning with # are comments. Keep it readable by the daemon alone.",
        .reload = true},
};

inline constexpr std::array kTenantRows = {
    ConfigKey{.section = "tenant",
              .key = "keys",
              .type = ConfigType::list,
              .default_value = "",
              .help = "Keys of this tenant.",
              .secret = true,
              .reload = true},
    ConfigKey{.section = "tenant",
              .key = "read_only_keys",
              .type = ConfigType::list,
              .default_value = "",
              .help = "Keys that may read and not write.",
              .secret = true,
              .reload = true},
    ConfigKey{.section = "tenant",
              .key = "admin_keys",
              .type = ConfigType::list,
              .default_value = "",
              .help = "Keys that may also manage this tenant.",
              .secret = true,
              .reload = true},
    ConfigKey{.section = "tenant",
              .key = "keys_file",
              .type = ConfigType::path,
              .default_value = "",
              .help = "A file with one key on each line.",
              .reload = true},
    ConfigKey{.section = "tenant",
              .key = "uid",
              .type = ConfigType::integer,
              .default_value = "0",
              .help = "Owner of the tenant's directory, given when it is made.",
              .maximum = 4'294'967'294},
    ConfigKey{.section = "tenant",
              .key = "gid",
              .type = ConfigType::integer,
              .default_value = "0",
              .help = "Group of the tenant's directory, given when it is made.",
              .maximum = 4'294'967'294},
    ConfigKey{.section = "tenant",
              .key = "quota_bytes",
              .type = ConfigType::size,
              .default_value = "0",
              .help =
                  "The most bytes that its values may hold; 0: no quota. Beyond it writes fail: EDQUOT in the mount, "
                  "507 over HTTP.",
              .reload = true},
    ConfigKey{.section = "tenant",
              .key = "quota_keys",
              .type = ConfigType::integer,
              .default_value = "0",
              .help = "The most keys that it may hold; 0: no quota.",
              .reload = true},
};

inline constexpr std::array kLogRows = {
    ConfigKey{.section = "log",
              .key = "level",
              .type = ConfigType::choice,
              .default_value = "info",
              .help = "The least important message that is logged.",
              .reload = true,
              .choices = "trace, debug, info, warning, error, critical, off"},
    ConfigKey{.section = "log",
              .key = "file",
              .type = ConfigType::path,
              .default_value = "",
              .help = "Where messages go; empty: to standard error in the foreground, to syslog in the background. "
                      "SIGHUP opens it anew, for log rotation.",
              .reload = true},
    ConfigKey{.section = "log",
              .key = "format",
              .type = ConfigType::choice,
              .default_value = "text",
              .help = "text: a line for people. json: an object with time, level and message on each line.",
              .reload = true,
              .choices = "text, json"},
};

}  // namespace kvfs
