// disk*, disk.read, disk.write and disk.busy over made-up file trees.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "fixture.h"
#include "linux/file.h"
#include "reader.h"

namespace tripline {
namespace {

using test::EndsWith;
using test::FakeRoot;
using test::Named;
using test::now;
using test::Quotient;
using test::Reader;

// A machine whose root is on a mount of this type.
struct Machine {
  FakeRoot root;

  void Mount(const char* line) { root.Put("proc/self/mountinfo", (std::string("1 0 ") + line + "\n").c_str()); }

  // Adds a whole device and, if `part` is given, a partition of it. Both can be found by number and by name.
  void AddDisk(const char* name, const char* number, const char* part = nullptr, const char* part_number = nullptr) {
    const std::string folder = std::string("sys/devices/") + name;
    root.Put((folder + "/dev").c_str(), (std::string(number) + "\n").c_str());
    Link("sys/dev/block/", number, std::string("../../devices/") + name);
    Link("sys/class/block/", name, std::string("../../devices/") + name);
    Link("sys/block/", name, std::string("../devices/") + name);
    Set(name, 0, 0, 1);
    if (part == nullptr) return;
    root.Put((folder + "/" + part + "/partition").c_str(), "1\n");
    root.Put((folder + "/" + part + "/dev").c_str(), (std::string(part_number) + "\n").c_str());
    Link("sys/dev/block/", part_number, std::string("../../devices/") + name + "/" + part);
    Link("sys/class/block/", part, std::string("../../devices/") + name + "/" + part);
  }

  void Link(const char* folder, const char* name, const std::string& target) {
    root.MakeDirectory((std::string(folder) + ".").c_str());
    CHECK_EQ(symlink(target.c_str(), root.PathOf((std::string(folder) + name).c_str())), 0);
  }

  void Set(const char* name, int read, int written, int busy) {
    char text[128];
    snprintf(text, sizeof(text), "9 0 %d 0 9 0 %d 0 0 %d 0\n", read, written, busy);
    root.Change((std::string("sys/devices/") + name + "/stat").c_str(), text);
  }
};

// The bytes read and written and the busy time, each per second.
struct Rates {
  double read, written, busy;

  // Calls `change` between two reads that are one second apart.
  template <typename Change>
  Rates(Reader* reader, Change change) {
    const Reading first[] = {reader->Read(Metric::kDiskRead), reader->Read(Metric::kDiskWrite),
                             reader->Read(Metric::kDiskBusy)};
    now += kSecond;
    change();
    read = Quotient(first[0], reader->Read(Metric::kDiskRead));
    written = Quotient(first[1], reader->Read(Metric::kDiskWrite));
    busy = Quotient(first[2], reader->Read(Metric::kDiskBusy));
  }
};

TEST(DiskRatesAreOfTheWholeDevice) {
  Machine machine;
  machine.Mount("8:1 / / rw - ext4 /dev/sda1 rw");
  machine.AddDisk("sda", "8:0", "sda1", "8:1");
  Reader reader(Metric::kDiskRead, Named("/"));
  const Rates rates(&reader, [&] { machine.Set("sda", 2000, 4000, 251); });
  CHECK_NEAR(rates.read, 2000 * 512, 1e-6);
  CHECK_NEAR(rates.written, 4000 * 512, 1e-6);
  CHECK_NEAR(rates.busy, 0.25, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kDiskRead), "/sys/dev/block/8:1/../stat"));
}

TEST(DiskIsNeverBusyForMoreThanAllOfTheTime) {
  Machine machine;
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  machine.AddDisk("sda", "8:0");
  Reader reader(Metric::kDiskBusy, Named("/"));
  CHECK_NEAR(Rates(&reader, [&] { machine.Set("sda", 0, 0, 5001); }).busy, 1, 1e-9);
  // At most one more tick of it counts into the next second.
  CHECK(Rates(&reader, [&] { machine.Set("sda", 0, 0, 5101); }).busy <= 0.11 + 1e-9);
}

TEST(DiskThatHangsIsBusy) {
  Machine machine;
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  machine.AddDisk("sda", "8:0");
  Reader reader(Metric::kDiskBusy, Named("/"));
  const auto hang = [&] { machine.root.Change("sys/devices/sda/stat", "9 0 0 0 9 0 0 0 3 1 0\n"); };
  // The hang may have begun at any time since the last read.
  CHECK_NEAR(Rates(&reader, hang).busy, 0, 1e-9);
  CHECK_NEAR(Rates(&reader, hang).busy, 1, 1e-9);
  // When the hang ends, the device adds all of its time at once. That time has been counted already.
  CHECK_NEAR(Rates(&reader, [&] { machine.Set("sda", 9, 9, 3001); }).busy, 1, 1e-9);
  CHECK(Rates(&reader, [&] { machine.Set("sda", 9, 9, 3001); }).busy <= 0.01 + 1e-9);
}

TEST(DiskThatIsPulledOut) {
  Machine machine;
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  machine.AddDisk("sda", "8:0");
  Reader reader(Metric::kDiskRead, Named("/"));
  reader.Read(Metric::kDiskRead);
  machine.root.Change("sys/devices/sda/stat", "\n");
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kDiskRead, "not the counters of a device"));
  machine.Set("sda", 1000, 0, 1);
  now += kSecond;
  CHECK_EQ(reader.Read(Metric::kDiskRead).state, Reading::kKnown);
}

// Makes reads fail as the kernel does for a file in sysfs whose device is gone.
int pulled = -1;

int OpenUnlessPulled(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (EndsWith(path, "/dev") && pulled < 0) pulled = fd;
  return fd;
}

ssize_t ReadUnlessPulled(int fd, void* data, size_t size, off_t offset) {
  if (fd != pulled) return pread(fd, data, size, offset);
  errno = ENODEV;
  return -1;
}

TEST(DiskSpaceOfADeviceThatIsPulledOut) {
  Machine machine;
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  machine.AddDisk("sda", "8:0");
  const FileCalls real = file_calls;
  pulled = -1;
  file_calls.open = OpenUnlessPulled;
  Reader reader(Metric::kDiskFree, Named("/"));
  CHECK(reader.Level(Metric::kDiskFree) > 0);
  CHECK(!reader.probe->recovers());
  file_calls.pread = ReadUnlessPulled;
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kDiskFree, "/sys/dev/block/8:0/dev: ENODEV (the device is gone)"));
  CHECK(reader.WhyHas(Metric::kDisk, "the device is gone"));
  CHECK(reader.probe->recovers());
  // Another device that has the same number is not the mounted one.
  file_calls = real;
  now += 5 * kSecond;
  CHECK(reader.WhyHas(Metric::kDiskFree, "the device is gone"));
  machine.root.Put("proc/self/mountinfo", "9 0 8:0 / / rw - ext4 /dev/sda rw\n");
  now += 5 * kSecond;
  CHECK(reader.Level(Metric::kDiskFree) > 0);
}

TEST(DiskSpaceOfADeviceThatIsNotShown) {
  Machine machine;
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  Reader reader(Metric::kDiskFree, Named("/"));
  CHECK(reader.Level(Metric::kDiskFree) > 0);
  now += kSecond;
  CHECK(reader.Level(Metric::kDiskFree) > 0);
}

TEST(DiskRatesWithoutADevice) {
  Machine machine;
  machine.Mount("0:60 / / rw - overlay overlay rw");
  Reader reader(Metric::kDiskRead, Named("/"));
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "give a path on a volume") != nullptr);
  machine.Mount("0:60 / / rw - nfs4 nas:/ rw");
  Reader network(Metric::kDiskRead, Named("/"));
  CHECK(network.probe == nullptr);
  CHECK(strstr(network.failure.text, "/ is on nfs4, a network or FUSE file system") != nullptr);
}

TEST(DiskRatesInAChroot) {
  Machine machine;
  machine.Mount("0:5 / /proc rw - proc proc rw");
  Reader reader(Metric::kDiskRead, Named("/tmp"));
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "on no mount that /proc/self/mountinfo shows, as in a chroot") != nullptr);
}

TEST(DiskRatesOfAFileSystemOnSeveralDevices) {
  Machine machine;
  machine.Mount("0:41 /@ / rw - btrfs /dev/sda1 rw,subvol=/@");
  machine.AddDisk("sda", "8:0", "sda1", "8:1");
  machine.AddDisk("sdb", "8:16", "sdb1", "8:17");
  machine.AddDisk("sdc", "8:32");
  for (const char* name : {"sda/sda1", "sdb/sdb1"}) {
    machine.Link("sys/fs/btrfs/u-u-i-d/devices/", name + 4, std::string("../../../../devices/") + name);
  }
  Reader reader(Metric::kDiskWrite, Named("/"));
  const Rates rates(&reader, [&] {
    machine.Set("sda", 10, 1000, 101);
    machine.Set("sdb", 20, 2000, 301);
    machine.Set("sdc", 500, 500, 500);
  });
  CHECK_NEAR(rates.read, 30 * 512, 1e-6);
  CHECK_NEAR(rates.written, 3000 * 512, 1e-6);
  CHECK_NEAR(rates.busy, 0.3, 1e-9);
  CHECK(EndsWith(reader.probe->Origin(Metric::kDiskRead), "/sys/fs/btrfs/u-u-i-d/devices"));
  // A device joins while it is mounted.
  machine.Link("sys/fs/btrfs/u-u-i-d/devices/", "sdc", "../../../../devices/sdc");
  now += 20 * kSecond;
  reader.Read(Metric::kDiskWrite);
  CHECK_NEAR(Rates(&reader, [&] { machine.Set("sdc", 500, 1500, 500); }).written, 1000 * 512, 1e-6);
}

TEST(DiskRatesOfTwoPartitionsOfOneDevice) {
  Machine machine;
  machine.Mount("0:41 / / rw - btrfs /dev/sda1 rw");
  machine.AddDisk("sda", "8:0", "sda1", "8:1");
  machine.root.Put("sys/devices/sda/sda2/partition", "2\n");
  for (const char* name : {"sda1", "sda2"}) {
    machine.Link("sys/fs/btrfs/u-u-i-d/devices/", name, std::string("../../../../devices/sda/") + name);
  }
  Reader reader(Metric::kDiskWrite, Named("/"));
  CHECK_NEAR(Rates(&reader, [&] { machine.Set("sda", 0, 100, 1); }).written, 100 * 512, 1e-6);
}

TEST(DiskRatesOfVolumesAreThoseOfTheirOwnDevice) {
  // An encrypted volume on a partition, and a logical one on that.
  Machine machine;
  machine.Mount("254:1 / / rw - ext4 /dev/mapper/root rw");
  machine.AddDisk("sda", "8:0", "sda2", "8:2");
  machine.AddDisk("dm-0", "254:0");
  machine.AddDisk("dm-1", "254:1");
  machine.Link("sys/devices/dm-0/slaves/", "sda2", "../../sda/sda2");
  machine.Link("sys/devices/dm-1/slaves/", "dm-0", "../../dm-0");
  Reader reader(Metric::kDiskWrite, Named("/"));
  const Rates rates(&reader, [&] {
    for (const char* name : {"sda", "dm-0", "dm-1"}) machine.Set(name, 0, 100, 1);
  });
  CHECK_NEAR(rates.written, 100 * 512, 1e-6);
  CHECK(EndsWith(reader.probe->Origin(Metric::kDiskRead), "254:1/stat"));
}

TEST(DiskRatesOfAVolumeBesideItsDevice) {
  for (const char* mount : {"254:1 / / rw - xfs /dev/mapper/root rw,logdev=/dev/sda3",
                            "0:41 / / rw - bcachefs /dev/sda3:/dev/dm-1 rw", "0:41 / / rw - btrfs /dev/sda3 rw"}) {
    Machine machine;
    machine.Mount(mount);
    machine.AddDisk("sda", "8:0", "sda3", "8:3");
    machine.AddDisk("sdb", "8:16");
    machine.AddDisk("dm-0", "254:0");
    machine.AddDisk("dm-1", "254:1");
    machine.root.Put("sys/devices/sda/sda2/partition", "2\n");
    machine.root.Put("sys/devices/sda/sda2/dev", "8:2\n");
    machine.Link("sys/devices/dm-0/slaves/", "sda2", "../../sda/sda2");
    machine.Link("sys/devices/dm-1/slaves/", "dm-0", "../../dm-0");
    machine.Link("sys/fs/btrfs/u-u-i-d/devices/", "sda3", "../../../../devices/sda/sda3");
    machine.Link("sys/fs/btrfs/u-u-i-d/devices/", "dm-1", "../../../../devices/dm-1");
    Reader reader(Metric::kDiskWrite, Named("/"));
    const Rates rates(&reader, [&] {
      machine.Set("sda", 0, 300, 1);  // 200 of them from the volume
      for (const char* name : {"dm-0", "dm-1"}) machine.Set(name, 0, 200, 1);
    });
    CHECK_NEAR(rates.written, 300 * 512, 1e-6);
  }
}

TEST(DiskRatesOfABtrfsThatIsNotListed) {
  Machine machine;
  machine.Mount("0:41 / / rw - btrfs /dev/sda rw");
  machine.AddDisk("sda", "8:0");
  Reader reader(Metric::kDiskWrite, Named("/"));
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "not in /sys/fs/btrfs") != nullptr);
}

TEST(DiskRatesOfFileSystemsThatNameTheirDevices) {
  for (const char* mount :
       {"0:41 / / rw - bcachefs /dev/sda:/dev/sdb rw", "8:0 / / rw - xfs /dev/sda rw,attr2,logdev=/dev/sdb,noquota"}) {
    Machine machine;
    machine.Mount(mount);
    machine.AddDisk("sda", "8:0");
    machine.AddDisk("sdb", "8:16");
    Reader reader(Metric::kDiskWrite, Named("/"));
    const Rates rates(&reader, [&] {
      machine.Set("sda", 0, 100, 1);
      machine.Set("sdb", 0, 300, 1);
    });
    CHECK_NEAR(rates.written, 400 * 512, 1e-6);
  }
}

TEST(DiskRatesOfAPool) {
  Machine machine;
  machine.Mount("0:41 / / rw - zfs tank/data rw,xattr");
  const auto set = [&](const char* numbers) {
    machine.root.Change("proc/spl/kstat/zfs/tank/io",
                        (std::string("12 3 0x00 1 80 79205351707403 395818011156865\n"
                                     "nread    nwritten reads    writes   wtime    wlentime wupdate  rtime\n") +
                         numbers)
                            .c_str());
  };
  set("1000 2000 1 2 3 4 5 600000000 7 8 0 0\n");
  Reader reader(Metric::kDiskRead, Named("/"));
  const Rates rates(&reader, [&] { set("1500 2700 1 2 3 4 5 800000000 7 8 0 0\n"); });
  CHECK_NEAR(rates.read, 500, 1e-6);
  CHECK_NEAR(rates.written, 700, 1e-6);
  CHECK_NEAR(rates.busy, 0.2, 1e-9);
}

TEST(DiskRatesOfAPoolThatHasNoTimes) {
  Machine machine;
  machine.Mount("0:41 / / rw - zfs tank@snap rw,xattr");
  const auto set = [&](int base) {
    char text[400];
    snprintf(text, sizeof(text),
             "15 1 0x01 26 5176 227423 2127661979232\nname type data\ntrim_extents_written 4 0\n"
             "arc_read_count 4 12\narc_read_bytes 4 %d\narc_write_count 4 7\narc_write_bytes 4 %d\n"
             "direct_read_bytes 4 %d\ndirect_write_bytes 4 %d\n",
             base, 2 * base, 3 * base, 4 * base);
    machine.root.Change("proc/spl/kstat/zfs/tank/iostats", text);
  };
  set(100);
  Reader reader(Metric::kDiskRead, Named("/"));
  const Reading first = reader.Read(Metric::kDiskWrite);
  now += kSecond;
  set(200);
  CHECK_NEAR(Quotient(first, reader.Read(Metric::kDiskWrite)), 600, 1e-6);
  CHECK(reader.WhyHas(Metric::kDiskBusy, "ZFS"));
}

TEST(DiskRatesOfAPoolThatCountsNothing) {
  Machine machine;
  machine.Mount("0:41 / / rw - zfs tank/data rw,xattr");
  machine.root.Put("proc/spl/kstat/zfs/tank/iostats", "15 1 0x01 26\nname type data\ntrim_extents_written 4 0\n");
  Reader reader(Metric::kDiskRead, Named("/"));
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "the ZFS of pool \"tank\" does not count") != nullptr);
}

TEST(DiskRatesOverSeveralPathsToADevice) {
  Machine machine;
  machine.Mount("259:1 / / rw - ext4 /dev/nvme0n2p1 rw");
  machine.AddDisk("nvme0n2", "259:0", "nvme0n2p1", "259:1");
  machine.Set("nvme0n2", 0, 0, 0);
  for (const char* path : {"nvme0c0n2", "nvme0c1n2", "nvme0c0n1", "nvme1c0n2"}) {
    machine.Link("sys/block/", path, std::string("../devices/") + path);
    machine.Set(path, 100, 100, 100);
  }
  Reader reader(Metric::kDiskWrite, Named("/"));
  const Rates rates(&reader, [&] {
    machine.Set("nvme0c0n2", 100, 300, 400);
    machine.Set("nvme0c1n2", 100, 400, 100);
    machine.Set("nvme0c0n1", 100, 900, 900);
  });
  CHECK_NEAR(rates.written, 500 * 512, 1e-6);
  CHECK_NEAR(rates.busy, 0.3, 1e-9);
  // Newer kernels count everything in the device itself.
  machine.Set("nvme0n2", 1, 1, 1);
  Reader recent(Metric::kDiskWrite, Named("/"));
  CHECK_NEAR(Rates(&recent, [&] { machine.Set("nvme0n2", 1, 101, 1); }).written, 100 * 512, 1e-6);
}

TEST(DiskRatesOfAFileSystemThatAProcessServes) {
  Machine machine;
  machine.Mount("8:0 / / rw - fuseblk /dev/sda rw");
  machine.AddDisk("sda", "8:0");
  Reader reader(Metric::kDiskWrite, Named("/"));
  CHECK_NEAR(Rates(&reader, [&] { machine.Set("sda", 0, 100, 1); }).written, 100 * 512, 1e-6);
}

TEST(DiskRatesFollowAMountThatComesLater) {
  Machine machine;
  machine.AddDisk("sda", "8:0");
  machine.AddDisk("sdb", "8:16");
  machine.root.MakeDirectory("volume");
  const std::string volume = machine.root.PathOf("volume");
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  Reader reader(Metric::kDiskWrite, Named(volume.c_str()));
  CHECK_NEAR(Rates(&reader, [&] { machine.Set("sda", 0, 100, 1); }).written, 100 * 512, 1e-6);
  machine.Mount(("8:0 / / rw - ext4 /dev/sda rw\n2 1 8:16 / " + volume + " rw - ext4 /dev/sdb rw").c_str());
  now += kSecond;
  reader.Read(Metric::kDiskWrite);
  CHECK_NEAR(Rates(&reader,
                   [&] {
                     machine.Set("sda", 0, 900, 1);
                     machine.Set("sdb", 0, 300, 1);
                   })
                 .written,
             300 * 512, 1e-6);
  // A mount may disappear as well.
  machine.Mount(("8:0 / / rw - ext4 /dev/sda rw\n3 1 0:77 / " + volume + " rw - tmpfs none rw").c_str());
  now += kSecond;
  CHECK(reader.WhyHas(Metric::kDiskWrite, "tmpfs, which shows no counters"));
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  now += kSecond;
  CHECK_EQ(reader.Read(Metric::kDiskWrite).state, Reading::kKnown);
}

TEST(DiskThatDoesNotCount) {
  Machine machine;
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  machine.AddDisk("sda", "8:0");
  machine.Set("sda", 5000, 5000, 0);
  Reader reader(Metric::kDiskWrite, Named("/"));
  CHECK_EQ(reader.Read(Metric::kDiskWrite).state, Reading::kKnown);
  CHECK(reader.WhyHas(Metric::kDiskBusy, "does not count the time"));
  machine.root.Put("sys/devices/sda/queue/iostats", "0\n");
  Reader off(Metric::kDiskWrite, Named("/"));
  CHECK(off.probe == nullptr);
  CHECK(strstr(off.failure.text, "statistics are switched off") != nullptr);
}

// ---- space

TEST(DiskPathsThatAreTooLong) {
  for (const Metric metric : {Metric::kDisk, Metric::kDiskWrite}) {
    for (const size_t length : {size_t{4096}, size_t{5000}, size_t{120000}}) {
      const std::string path = "/" + std::string(length, 'x');
      Reader reader(metric, Named(path.c_str()));
      CHECK(reader.probe == nullptr);
      CHECK(EndsWith(reader.failure.text, ": ENAMETOOLONG"));
      CHECK(strstr(reader.failure.text, "statvfs /xxx") != nullptr);
    }
  }
  const std::string relative(4090, 'y');
  CHECK(Reader(Metric::kDisk, Named(relative.c_str())).probe == nullptr);
}

TEST(DiskThatHasStoppedOnErrors) {
  Machine machine;
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw,emergency_ro");
  CHECK_NEAR(Reader(Metric::kDiskFree, Named("/")).Level(Metric::kDiskFree), 0, 0);
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw,shutdown");
  CHECK_NEAR(Reader(Metric::kDiskFree, Named("/")).Level(Metric::kDiskFree), 0, 0);
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw,no_emergency_ro");
  Reader reader(Metric::kDiskFree, Named("/"));
  CHECK(reader.Level(Metric::kDiskFree) > 0);
  // The mount option appears without notice, and this file system shows no error count.
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw,emergency_ro");
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kDiskFree), 0, 0);
  CHECK(reader.Level(Metric::kDisk) > 0);
}

TEST(DiskThatHasStoppedOnErrorsWithoutSayingSo) {
  Machine machine;
  machine.AddDisk("sda", "8:0");
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  machine.root.Put("proc/fs/ext4/sda/options", "rw\nbsddf\nerrors=remount-ro\n");
  machine.root.Change("sys/fs/ext4/sda/errors_count", "3\n");
  Reader reader(Metric::kDiskFree, Named("/"));
  CHECK(reader.Level(Metric::kDiskFree) > 0);
  machine.root.Change("sys/fs/ext4/sda/errors_count", "4\n");
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kDiskFree), 0, 0);
  now += 2 * kSecond;
  CHECK_NEAR(reader.Level(Metric::kDiskFree), 0, 0);
  // After a new mount it can be written to again.
  machine.root.Put("proc/self/mountinfo", "9 0 8:0 / / rw - ext4 /dev/sda rw\n");
  now += 5 * kSecond;
  CHECK(reader.Level(Metric::kDiskFree) > 0);
  // With errors=continue, errors do not stop the file system.
  machine.root.Put("proc/fs/ext4/sda/options", "rw\nbsddf\nerrors=continue\n");
  machine.root.Change("sys/fs/ext4/sda/errors_count", "5\n");
  now += 2 * kSecond;
  CHECK(reader.Level(Metric::kDiskFree) > 0);
}

TEST(DiskThatIsOnAServerLater) {
  Machine machine;
  machine.Mount("8:0 / / rw - ext4 /dev/sda rw");
  Reader reader(Metric::kDisk, Named("/"));
  CHECK(!reader.probe->blocking());
  reader.Level(Metric::kDisk);
  machine.Mount("0:60 / / rw - nfs4 nas:/ rw");
  now += 5 * kSecond;
  // The server is not accessed on this thread.
  CHECK(reader.WhyHas(Metric::kDisk, "a network or FUSE file system"));
  CHECK(!reader.probe->recovers());
}

// ---- disk.operations, disk.latency

// Sets the numbers of reads and writes, and the milliseconds that they took.
void SetOperations(Machine* machine, const char* name, int reads, int read_ms, int writes, int write_ms) {
  char text[128];
  snprintf(text, sizeof(text), "%d 5 100 %d %d 7 200 %d 0 50 60 900 0 8000 4000\n", reads, read_ms, writes, write_ms);
  machine->root.Change((std::string("sys/devices/") + name + "/stat").c_str(), text);
}

TEST(DiskOperationsAndWhatTheyTake) {
  Machine machine;
  machine.Mount("8:1 / / rw - ext4 /dev/sda1 rw");
  machine.AddDisk("sda", "8:0", "sda1", "8:1");
  SetOperations(&machine, "sda", 100, 500, 200, 3000);
  Reader reader(Metric::kDiskLatency, Named("/"));
  const Reading operations = reader.Read(Metric::kDiskOperations);
  const Reading latency = reader.Read(Metric::kDiskLatency);
  now += kSecond;
  SetOperations(&machine, "sda", 130, 530, 210, 3130);
  CHECK_NEAR(Quotient(operations, reader.Read(Metric::kDiskOperations)), 40, 1e-6);
  const Reading later = reader.Read(Metric::kDiskLatency);
  CHECK_NEAR(Quotient(latency, later), 160.0 / 40, 1e-4);
  // Without operations there is no latency.
  now += kSecond;
  CHECK_NEAR(Quotient(later, reader.Read(Metric::kDiskLatency)), 0, 1e-9);
  // The other columns are still read correctly.
  const Reading busy = reader.Read(Metric::kDiskBusy);
  CHECK_EQ(busy.state, Reading::kKnown);
}

TEST(DiskLatencyThatIsNotCounted) {
  Machine machine;
  machine.Mount("9:0 / / rw - ext4 /dev/md0 rw");
  machine.AddDisk("md0", "9:0");
  SetOperations(&machine, "md0", 100000, 0, 100000, 0);
  Reader reader(Metric::kDiskLatency, Named("/"));
  CHECK(reader.WhyHas(Metric::kDiskLatency, "does not count how long its operations take"));
  CHECK_EQ(reader.Read(Metric::kDiskOperations).state, Reading::kKnown);
}

// ---- paths: of this machine, missing, without blocks, on a server

TEST(DiskOfThisMachine) {
  Reader reader(Metric::kDisk, Named("/"));
  CHECK(reader.probe != nullptr);
  const double used = reader.Level(Metric::kDisk);
  CHECK(used > 0 && used <= 100);
  CHECK(reader.Level(Metric::kDiskFree) >= 0);
  CHECK_EQ(reader.probe->Origin(Metric::kDisk), "/");
}

TEST(DiskPathThatDoesNotExist) {
  Reader reader(Metric::kDisk, Named("/no/such/path"));
  CHECK(reader.probe == nullptr);
  CHECK(strstr(reader.failure.text, "/no/such/path: ENOENT") != nullptr);
}

TEST(DiskWithoutBlocks) {
  Reader reader(Metric::kDisk, Named("/proc"));
  CHECK(reader.WhyHas(Metric::kDisk, "without blocks"));
  CHECK(reader.WhyHas(Metric::kDiskInodes, "no inode limit"));
}

TEST(DiskOnANetworkMountBlocks) {
  FakeRoot root;
  char mountinfo[1024];
  char server[128], link[128];
  snprintf(server, sizeof(server), "%s", root.PathOf("server"));
  snprintf(link, sizeof(link), "%s", root.PathOf("link"));
  root.MakeDirectory("server/folder");
  CHECK_EQ(symlink("server/folder", link), 0);
  snprintf(mountinfo, sizeof(mountinfo), "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / %s rw - nfs4 nas:/x rw\n",
           server);
  root.Put("proc/self/mountinfo", mountinfo);
  for (const char* path : {"server", "server/folder", "link", "server/not/there"}) {
    const std::string full = root.PathOf(path);
    Reader reader(Metric::kDisk, Named(full.c_str()));
    CHECK(reader.probe != nullptr && reader.probe->blocking());
  }
  Reader reader(Metric::kDisk, Named(root.root));
  CHECK(reader.probe != nullptr && !reader.probe->blocking());
}

}  // namespace
}  // namespace tripline
