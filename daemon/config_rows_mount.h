// Options of the mount. See config_table.h.
#pragma once

#include <array>

#include "daemon/config_table.h"

namespace kvfs {

inline constexpr std::array kMountRows = {
    ConfigKey{.section = "mount",
              .key = "read_only",
              .type = ConfigType::boolean,
              .default_value = "no",
              .help = "Programs on the mount cannot write; the other doors still can. -o ro means the same."},
    ConfigKey{.section = "mount",
              .key = "allow_other",
              .type = ConfigType::choice,
              .default_value = "auto",
              .help =
                  "Users other than the daemon's may enter; mode bits and owners decide what they may do. auto: where "
                  "the daemon is root. Others need the line user_allow_other in /etc/fuse.conf for yes.",
              .choices = "auto, yes, no"},
    ConfigKey{.section = "mount",
              .key = "nonempty",
              .type = ConfigType::boolean,
              .default_value = "no",
              .help = "Mount also over a directory that has entries; they are hidden meanwhile."},
    ConfigKey{.section = "mount",
              .key = "source",
              .type = ConfigType::text,
              .default_value = "kvfs",
              .help = "What df and /proc/mounts show as the device."},
    ConfigKey{
        .section = "mount",
        .key = "options",
        .type = ConfigType::list,
        .default_value = "",
        .help =
            "Further mount options, as mount.fuse3(8) takes them: nosuid, nodev, noexec and so on. noatime: reading is "
            "not noted; otherwise access times are kept as relatime does."},
    ConfigKey{.section = "mount",
              .key = "uid",
              .type = ConfigType::integer,
              .default_value = "-1",
              .help = "All files are shown as this user's, whoever owns them. -1: as they are.",
              .minimum = -1,
              .maximum = 4'294'967'294},
    ConfigKey{.section = "mount",
              .key = "gid",
              .type = ConfigType::integer,
              .default_value = "-1",
              .help = "The same for the group.",
              .minimum = -1,
              .maximum = 4'294'967'294},
    ConfigKey{.section = "mount",
              .key = "umask",
              .type = ConfigType::mode,
              .default_value = "",
              .help = "All files are shown with all permissions but these (octal). Empty: with their own."},
    ConfigKey{
        .section = "mount",
        .key = "acl",
        .type = ConfigType::boolean,
        .default_value = "no",
        .help =
            "POSIX access control lists (setfacl) are kept and enforced. -o acl and noacl mean the same. With them "
            "ls -l asks for those of each file, which makes it several times slower where the kernel does not remember "
            "the files. Not where uid, gid or umask are set."},
    ConfigKey{.section = "mount",
              .key = "threads",
              .type = ConfigType::integer,
              .default_value = "8",
              .help = "The most threads that answer the kernel. -s means 1.",
              .minimum = 1,
              .maximum = 1024},
    ConfigKey{
        .section = "mount",
        .key = "io_uring",
        .type = ConfigType::choice,
        .default_value = "auto",
        .help =
            "The kernel's requests come over io_uring, which makes most of what is done with files up to twice as fast "
            "(Linux 6.14). auto: where the parameter enable_uring of the kernel's module fuse is Y; a kvfs of root "
            "sets it for the moment of mounting. yes: or the mount fails. no: never, nor with one thread, and auto "
            "means it "
            "with auto_unmount. There is a thread for each CPU.",
        .choices = "auto, yes, no"},
    ConfigKey{
        .section = "mount",
        .key = "read_ahead",
        .type = ConfigType::size,
        .default_value = "256K",
        .help = "How far the kernel reads ahead of programs that read a file in order. More makes reading large files "
                "faster, and faults all over a mapped file dearer. 0: as kernels come (128K), which is so, too, where "
                "the daemon is "
                "not root.",
        .maximum = 1 << 30},
    ConfigKey{
        .section = "mount",
        .key = "entry_timeout",
        .type = ConfigType::duration,
        .default_value = "1d",
        .help = "How long the kernel may keep names. Changes from elsewhere are pushed to it, so it may be long."},
    ConfigKey{.section = "mount",
              .key = "attribute_timeout",
              .type = ConfigType::duration,
              .default_value = "1d",
              .help = "How long the kernel may keep attributes."},
    ConfigKey{.section = "mount",
              .key = "negative_timeout",
              .type = ConfigType::duration,
              .default_value = "1d",
              .help = "How long the kernel may keep that a name does not exist."},
    ConfigKey{.section = "mount",
              .key = "direct_io_writes",
              .type = ConfigType::boolean,
              .default_value = "yes",
              .help = "Files opened only to write bypass the page cache: faster for small files."},
    ConfigKey{.section = "mount",
              .key = "staged_memory_per_file_max",
              .type = ConfigType::size,
              .default_value = "16M",
              .help =
                  "Bytes written to an open file that are held in memory; what is beyond goes to the store's chunks, "
                  "unseen until it is published."},
    ConfigKey{.section = "mount",
              .key = "staged_memory_max",
              .type = ConfigType::size,
              .default_value = "64M",
              .help = "The same for all open files together."},
    ConfigKey{.section = "mount",
              .key = "publish_size",
              .type = ConfigType::size,
              .default_value = "1G",
              .help = "When an open file holds this many unpublished bytes, they are published before it is closed."},
    ConfigKey{
        .section = "mount",
        .key = "events_size_max",
        .type = ConfigType::size,
        .default_value = "8M",
        .help = "Lines that an open .kvfs/events holds for its readers; who comes later for older ones is told so.",
        .minimum = 4096},
    ConfigKey{.section = "mount",
              .key = "channel_size_max",
              .type = ConfigType::size,
              .default_value = "1M",
              .help = "Messages that an open file of .kvfs/channels holds for its readers, likewise.",
              .minimum = 4096},
    ConfigKey{.section = "mount",
              .key = "transaction_lease",
              .type = ConfigType::duration,
              .default_value = "10m",
              .help = "A transaction of .kvfs/tx that is not used for so long is dropped."},
    ConfigKey{.section = "mount",
              .key = "transactions_max",
              .type = ConfigType::integer,
              .default_value = "64",
              .help = "Transactions of .kvfs/tx at a time, of all tenants; more: ENOBUFS.",
              .minimum = 1,
              .maximum = 100000},
    ConfigKey{.section = "mount",
              .key = "transaction_keys_max",
              .type = ConfigType::integer,
              .default_value = "10000",
              .help = "Keys and directories that one transaction changes; more: ENOBUFS.",
              .minimum = 1,
              .maximum = 10000000},
    ConfigKey{.section = "mount",
              .key = "transaction_size_max",
              .type = ConfigType::size,
              .default_value = "1G",
              .help = "Bytes that one transaction stages; more: ENOBUFS."},
};

}  // namespace kvfs
