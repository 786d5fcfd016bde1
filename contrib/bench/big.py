#!/usr/bin/env python3
"""Big things on a mount: many names in one directory, long keys, huge files, many writers at once.
usage: big.py DIRECTORY DAEMON_PID [NAMES]"""
import hashlib
import os
import sys
import threading
import time

GIB = 1 << 30
directory, pid = sys.argv[1], int(sys.argv[2])
names = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
scale = names / 1_000_000


def resident_mib(field):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field):
            return int(line.split()[1]) // 1024
    return 0


def cpu_seconds():
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("2")


def measured(what, units, body):
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")
    cpu, begin = cpu_seconds(), time.monotonic()
    body()
    elapsed, cpu = time.monotonic() - begin, cpu_seconds() - cpu
    print(f"| {what} | {elapsed:.1f} | {units / elapsed:.0f} | {cpu / units * 1e6:.1f} | {resident_mib('VmHWM')} |",
          flush=True)


def in_one_directory():
    at = os.path.join(directory, "many")
    os.mkdir(at)

    def make():
        for i in range(names):
            os.close(os.open(f"{at}/name-{i:07d}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))

    def names_of():
        assert sum(1 for _ in os.scandir(at)) == names

    def stat_all():
        assert sum(entry.stat(follow_symlinks=False).st_nlink for entry in os.scandir(at)) == names

    def remove():
        for entry in os.scandir(at):
            os.unlink(entry.path)
        os.rmdir(at)

    measured(f"make {names} names in one directory", names, make)
    measured("list them", names, names_of)
    forget_caches()
    measured("list them, cold", names, names_of)
    forget_caches()
    measured("stat them all, cold", names, stat_all)
    measured("remove them all", names, remove)


def files():
    sparse = os.path.join(directory, "sparse")

    def write_sparse():
        fd = os.open(sparse, os.O_CREAT | os.O_RDWR, 0o644)
        os.ftruncate(fd, 100 * GIB)
        for i in range(100):
            os.pwrite(fd, b"here", i * GIB + 12345)
        os.close(fd)
        fd = os.open(sparse, os.O_RDONLY)
        assert os.fstat(fd).st_size == 100 * GIB and os.fstat(fd).st_blocks * 512 < GIB
        for i in range(100):
            assert os.pread(fd, 6, i * GIB + 12344) == b"\0here\0"
        os.close(fd)
        os.unlink(sparse)

    measured("100 GiB sparse, written and read at 100 places", 200, write_sparse)
    dense, mib = os.path.join(directory, "dense"), max(64, int(4096 * min(1, scale)))
    block = os.urandom(1 << 20)
    wanted = hashlib.blake2b()

    def write_dense():
        with open(dense, "wb", buffering=0) as file:
            for i in range(mib):
                part = i.to_bytes(4, "big") + block[4:]
                wanted.update(part)
                file.write(part)

    def read_dense():
        got = hashlib.blake2b()
        with open(dense, "rb", buffering=0) as file:
            while part := file.read(1 << 20):
                got.update(part)
        assert got.digest() == wanted.digest()

    measured(f"write {mib} MiB dense, hashed", mib, write_dense)
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("1")
    measured("read and compare it, cold", mib, read_dense)
    os.unlink(dense)


def writers():
    each = max(10, int(1000 * scale))

    def write(number):
        at = os.path.join(directory, "writers", f"w{number % 8}")
        os.makedirs(at, exist_ok=True)
        for i in range(each):
            with open(f"{at}/{number}-{i}", "wb") as file:
                file.write(b"%d of %d" % (i, number))

    def all_of_them():
        threads = [threading.Thread(target=write, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    measured(f"64 writers of {each} files", 64 * each, all_of_them)
    for number in range(64):
        for i in range(each):
            with open(os.path.join(directory, "writers", f"w{number % 8}", f"{number}-{i}"), "rb") as file:
                assert file.read() == b"%d of %d" % (i, number)


def long_keys():
    def make():
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        length = 0
        while length + 256 + 255 <= 4096:
            os.mkdir("d" * 255, dir_fd=fd)
            below = os.open("d" * 255, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd, length = below, length + 256
        os.close(os.open("f" * 255, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd))
        os.close(fd)

    measured("a key of 4,095 bytes in 16 components", 16, make)


print("| | s | units/s | daemon CPU us/unit | peak RSS MiB |\n|---|---:|---:|---:|---:|")
in_one_directory()
files()
writers()
long_keys()
