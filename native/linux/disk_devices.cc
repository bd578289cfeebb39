#include "linux/disk_devices.h"

#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tripline {

namespace {

constexpr int kDeepest = 8;  // levels of devices that rest on others

// The last component of a path.
const char* BaseName(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

// The kernel's name of a device whose node may be a link: "dm-0" for /dev/mapper/root, a link to ../dm-0.
bool NameDevice(Span source, char (&name)[kMaxPath]) {
  char node[kMaxPath];
  if (!source.StartsWith("/dev/") || !Unescape(source, node, sizeof(node))) return false;
  const ssize_t size = readlink(node, name, sizeof(name) - 1);
  if (size > 0) name[size] = '\0';
  const char* base = BaseName(size > 0 ? name : node);
  memmove(name, base, strlen(base) + 1);
  return true;
}

}  // namespace

bool DiskDevices::Find(const char* path, Failure* why) {
  counters_.clear();
  origin_.Clear();
  may_grow_ = false;
  const Mounts mounts(roots_);
  char real[kMaxPath];
  Mount mount;
  const bool local = mounts.ResolveLocal(path, real, why);
  if (!mounts.Find(real, &mount) && !local) return false;
  // A file system that a process serves from a local device (fuseblk): the device's counters are read without asking
  // the process.
  if (!local && !mount.type.Is("fuseblk")) return false;
  why->Clear();
  if (local && access(real, F_OK) != 0) {
    why->SetErrno("access", path, errno, errno == ENOENT ? "no such path" : "");
    return false;
  }
  if (mount.type.Is("zfs")) return AddPool(mount.source, why);
  if (mount.type.Is("btrfs")) return AddBtrfs(mount.source, why);
  bool found = false;
  if (mount.major != 0) {
    Text folder;
    SetDeviceFolder(roots_, mount, &folder);
    device_.SetPath(folder.get());
    found = AddFolder(why);
    // Where XFS keeps its log and its real-time files, which may be devices of their own.
    for (const char* option : {"logdev=", "rtdev="}) {
      Span other;
      if (found && FindOption(mount.super_options, option, &other)) found = AddSources(other, why);
    }
  } else {
    found = AddSources(mount.source, why);
  }
  if (found) LeaveOutCarried();
  if (found || why->failed()) return found;
  const int length = mount.type.size < 24 ? static_cast<int>(mount.type.size) : 24;
  const char* hint = mount.type.Is("overlay") ? " (in a container, give a path on a volume)" : "";
  snprintf(why->text, sizeof(why->text), "%.40s is on %.*s, which shows no counters of a device%s", real, length,
           mount.type.data, hint);
  return false;
}

bool DiskDevices::AddPool(Span source, Failure* why) {
  char pool[kMaxPath];
  if (!Unescape(source, pool, sizeof(pool))) return false;
  pool[strcspn(pool, "/@")] = '\0';
  Text folder, path;
  folder.Set(roots_.proc.get(), "/spl/kstat/zfs/", pool);
  for (const CounterFormat format : {CounterFormat::kPool, CounterFormat::kPoolStats}) {
    path.Set(folder.get(), format == CounterFormat::kPool ? "/io" : "/iostats");
    PoolIo counts;
    if (!ReadOnce(path.get(), &buffer_)) continue;
    const bool good = format == CounterFormat::kPool ? ParsePoolIo(buffer_.data(), buffer_.size, &counts)
                                                     : ParsePoolStats(buffer_.data(), buffer_.size, &counts);
    if (!good) continue;
    AddCounters(path.get(), format);
    return true;
  }
  snprintf(why->text, sizeof(why->text),
           "the ZFS of pool \"%.40s\" does not count what its devices read and write (0.8 and 2.3 do)", pool);
  return false;
}

// All devices of a file system, given one of them.
bool DiskDevices::AddBtrfs(Span source, Failure* why) {
  char name[kMaxPath];
  if (!NameDevice(source, name)) name[0] = '\0';
  Text all, folder;
  all.Set(roots_.sys.get(), "/fs/btrfs");
  DirectoryReader systems(all.get());
  while (const char* system = systems.Next()) {
    folder.Set(all.get(), "/", system, "/devices");
    device_.SetPath(folder.get());
    if (name[0] == '\0' || !device_.Has(name)) continue;
    may_grow_ = true;
    DirectoryReader devices(folder.get());
    while (const char* device = devices.Next()) {
      device_.SetPath(folder.get(), "/", device);
      if (AddFolder(why)) continue;
      if (!why->failed()) snprintf(why->text, sizeof(why->text), "%.120s: no counters", device_.path());
      return false;
    }
    LeaveOutCarried();
    if (counters_.size() > 1) origin_.Set(folder.get());
    return !counters_.empty();
  }
  snprintf(why->text, sizeof(why->text), "which devices the btrfs on %.40s spans is not in /sys/fs/btrfs", name);
  return false;
}

// One device node, or several separated by colons: "/dev/sda:/dev/sdb" of bcachefs.
bool DiskDevices::AddSources(Span sources, Failure* why) {
  while (sources.size > 0) {
    size_t end = 0;
    while (end < sources.size &&
           !(sources.data[end] == ':' && end + 1 < sources.size && sources.data[end + 1] == '/')) {
      end++;
    }
    char name[kMaxPath];
    if (!NameDevice({sources.data, end}, name)) return false;
    device_.SetPath(roots_.sys.get(), "/class/block/", name);
    if (!AddFolder(why)) return false;
    if (end < sources.size) end++;
    sources = {sources.data + end, sources.size - end};
  }
  return !counters_.empty();
}

// Adds the device whose folder is `device_`. False if it has no counters, with the reason if that is known.
bool DiskDevices::AddFolder(Failure* why) {
  // The folder of a partition is inside that of the whole device.
  const bool partition = device_.Has("partition");
  if (device_.Says(partition ? "../queue/iostats" : "queue/iostats", "0")) {
    snprintf(why->text, sizeof(why->text), "%.110s: statistics are switched off", device_.PathOf("queue/iostats"));
    return false;
  }
  char number[kNumberSize] = "";
  Span line;
  if (device_.ReadLine(partition ? "../dev" : "dev", &line) && line.size < sizeof(number)) {
    memcpy(number, line.data, line.size);
  }
  Text stat;
  stat.Set(device_.PathOf(partition ? "../stat" : "stat"));
  if (access(stat.get(), F_OK) != 0) return false;
  // Two partitions of one device count as one.
  for (const std::unique_ptr<DeviceCounters>& each : counters_) {
    if (number[0] != '\0' && strcmp(each->number, number) == 0) return true;
  }
  if (AddPaths(partition, stat.get())) return true;
  AddCounters(stat.get(), CounterFormat::kBlock);
  memcpy(counters_.back()->number, number, sizeof(number));
  counters_.back()->folder.Set(device_.path(), partition ? "/.." : "");
  return true;
}

// Whether a device, such as a logical volume or an encrypted one, keeps its data on another one that counts.
bool DiskDevices::RestsOnAnother(const char* folder, int depth) {
  if (depth == kDeepest) return false;
  Text slaves, lower;
  slaves.Set(folder, "/slaves");
  DirectoryReader names(slaves.get());
  while (const char* name = names.Next()) {
    lower.Set(slaves.get(), "/", name);
    device_.SetPath(lower.get());
    if (device_.Has("partition")) lower.Add("/..");
    Span line;
    device_.SetPath(lower.get());
    if (device_.ReadLine("dev", &line)) {
      for (const std::unique_ptr<DeviceCounters>& each : counters_) {
        if (line.size > 0 && line.Is(each->number)) return true;
      }
    }
    if (RestsOnAnother(lower.get(), depth + 1)) return true;
  }
  return false;
}

// A whole device stands for its partitions, so it also counts what a volume on one of them reads and writes.
void DiskDevices::LeaveOutCarried() {
  for (size_t i = counters_.size(); counters_.size() > 1 && i-- > 0;) {
    if (RestsOnAnother(counters_[i]->folder.get(), 0)) counters_.erase(&counters_[i]);
  }
}

// Where NVMe has several paths to a device, kernels before 6.4 count on the paths and not on the device: "nvme0c1n2" is
// a path to "nvme0n2".
bool DiskDevices::AddPaths(bool partition, const char* stat) {
  // Names with a number in them are links to the folder, whose name is the device's.
  char target[kMaxPath];
  const ssize_t size = readlink(device_.path(), target, sizeof(target) - 1);
  if (size > 0)
    target[size] = '\0';
  else
    snprintf(target, sizeof(target), "%s", device_.path());
  char* slash = strrchr(target, '/');
  if (partition && slash != nullptr) *slash = '\0';
  const char* name = BaseName(target);
  const char* space = strrchr(name, 'n');
  if (strncmp(name, "nvme", 4) != 0 || space == name || !ReadOnce(stat, &buffer_)) return false;
  BlockStat counts;
  if (!ParseBlockStat(buffer_.data(), buffer_.size, kReadColumn | kWrittenColumn, &counts) ||
      counts.read_sectors + counts.written_sectors > 0) {
    return false;
  }
  bool any = false;
  Text folder, path;
  folder.Set(roots_.sys.get(), "/block");
  const size_t subsystem = static_cast<size_t>(space - name);
  DirectoryReader names(folder.get());
  while (const char* each = names.Next()) {
    if (strncmp(each, name, subsystem) != 0 || each[subsystem] != 'c') continue;
    const char* controller = each + subsystem + 1;
    if (strcmp(controller + strspn(controller, "0123456789"), space) != 0) continue;
    path.Set(folder.get(), "/", each, "/stat");
    AddCounters(path.get(), CounterFormat::kBlock);
    any = true;
  }
  if (any) origin_.Set(folder.get());
  may_grow_ = may_grow_ || any;
  return any;
}

void DiskDevices::AddCounters(const char* path, CounterFormat format) {
  counters_.push_back(std::unique_ptr<DeviceCounters>(new DeviceCounters()));
  counters_.back()->path.Set(path);
  counters_.back()->format = format;
  origin_.Set(path);
}

}  // namespace tripline
