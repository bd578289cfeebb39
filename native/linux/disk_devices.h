// The devices that a path is on: one, all devices of a file system that spans several, or the NVMe paths to one.
#pragma once

#include <cstdint>
#include <memory>

#include "linux/device.h"
#include "linux/file.h"
#include "linux/mounts.h"
#include "linux/parse/counters.h"
#include "util/list.h"

namespace tripline {

constexpr size_t kNumberSize = 24;

// The format of the file with a device's counters.
enum class CounterFormat : uint8_t {
  kBlock,      // /sys/block/<device>/stat
  kPool,       // /proc/spl/kstat/zfs/<pool>/io
  kPoolStats,  // /proc/spl/kstat/zfs/<pool>/iostats
};

// The place of one device's counters.
struct DeviceCounters {
  Text path;
  CounterFormat format = CounterFormat::kBlock;
  char number[kNumberSize] = "";  // of a block device: "8:0"
  Text folder;                    // of a block device, in sysfs
};

// Finds the devices. A whole device stands for its partitions, because the device is what gets busy. Not thread-safe.
class DiskDevices {
 public:
  explicit DiskDevices(const Roots& roots) : roots_(roots) {}

  // False, with the reason, if the devices cannot be known or have no counters. `path` is absolute.
  bool Find(const char* path, Failure* why);

  const List<std::unique_ptr<DeviceCounters>>& counters() const { return counters_; }
  // The file, or the folder that lists the devices.
  const char* origin() const { return origin_.get(); }
  // Whether other devices can join without a change of the mounts.
  bool may_grow() const { return may_grow_; }

 private:
  bool AddPool(Span source, Failure* why);
  bool AddBtrfs(Span source, Failure* why);
  bool AddSources(Span sources, Failure* why);
  bool AddFolder(Failure* why);
  bool AddPaths(bool partition, const char* stat);
  bool RestsOnAnother(const char* folder, int depth);
  void LeaveOutCarried();
  void AddCounters(const char* path, CounterFormat format);

  const Roots& roots_;
  List<std::unique_ptr<DeviceCounters>> counters_;
  Text origin_;
  bool may_grow_ = false;
  Device device_;
  Buffer buffer_;
};

}  // namespace tripline
