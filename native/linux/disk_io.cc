// disk.read, disk.write, disk.busy: the counters of the device that a path is on; of the whole device where the path is
// on a partition, because that is what gets busy.
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/mounts.h"
#include "linux/parse/counters.h"
#include "port/platform.h"
#include "port/rate.h"

namespace tripline {

namespace {

constexpr uint64_t kPeriod = 100 * kMillisecond;
constexpr double kSector = 512;

class DiskIoProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    Text path;
    if (!MakeAbsolute(selector.name, &path, why)) return false;
    const Mounts mounts(roots_);
    char real[kMaxPath];
    Mount mount;
    if (!mounts.ResolveLocal(path.get(), real) || !mounts.Find(real, &mount)) {
      why->Set("a network or FUSE file system is not on a device of this machine");
      return false;
    }
    if (access(real, F_OK) != 0) {
      why->SetErrno("access", path.get(), errno, errno == ENOENT ? "no such path" : "");
      return false;
    }
    uint64_t number[2] = {mount.major, mount.minor};
    // Btrfs and others number their own; the mount's source names the device.
    if (number[0] == 0) NumberOf(mount.source, number);
    char device[64];
    snprintf(device, sizeof(device), "/dev/block/%u:%u", static_cast<unsigned>(number[0]),
             static_cast<unsigned>(number[1]));
    Text folder;
    folder.Set(roots_.sys.get(), device);
    Text name;
    name.Set(folder.get(), "/partition");
    const bool partition = access(name.get(), F_OK) == 0;
    stat_.SetPath(folder.get(), partition ? "/../stat" : "/stat");
    if (number[0] == 0 || access(stat_.path(), F_OK) != 0) {
      char type[32];
      if (!Unescape(mount.type, type, sizeof(type))) type[0] = '\0';
      const char* hint = mount.type.Is("overlay") ? " (in a container, give a path on a volume)" : "";
      snprintf(why->text, sizeof(why->text), "%.40s is on %s, which shows no counters of a device%s", real, type, hint);
      return false;
    }
    return true;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    Buffer* buffer = SharedBuffer();
    const File::Result result = stat_.ReadIfOlder(now, kPeriod, buffer);
    BlockStat stat;
    if (result == File::kFailed || (result == File::kFresh && !ParseBlockStat(buffer->data(), buffer->size, &stat))) {
      Failure why;
      if (result == File::kFailed)
        stat_.Explain("the device is gone", &why);
      else
        why.Set("a block device's stat with fewer than ten numbers");
      read_.Forget(), written_.Forget(), busy_.Forget();
      return SetUnavailable(wanted, why, out);
    }
    if (result == File::kFresh) {
      read_.Add(now, stat.read_sectors);
      written_.Add(now, stat.written_sectors);
      busy_.Add(now, stat.busy_ms);
      // Counted by the kernel's tick, so a little more than the time that passed is possible.
      busy_.Limit(1000);
    }
    if (Wants(wanted, Metric::kDiskRead)) read_.Set(Metric::kDiskRead, kSector, out);
    if (Wants(wanted, Metric::kDiskWrite)) written_.Set(Metric::kDiskWrite, kSector, out);
    if (Wants(wanted, Metric::kDiskBusy)) busy_.Set(Metric::kDiskBusy, 1e-3, out);
  }

  const char* Origin(Metric) const override { return stat_.path(); }

 private:
  // The device's number from its name: /dev/sda2, or /dev/mapper/root, which is a link to ../dm-0.
  void NumberOf(Span source, uint64_t* number) const {
    char path[kMaxPath], link[kMaxPath];
    if (!source.StartsWith("/dev/") || !Unescape(source, path, sizeof(path))) return;
    const ssize_t size = readlink(path, link, sizeof(link) - 1);
    if (size > 0) {
      link[size] = '\0';
      strcpy(path, link);
    }
    const char* slash = strrchr(path, '/');
    Text file;
    file.Set(roots_.sys.get(), "/class/block/", slash == nullptr ? path : slash + 1, "/dev");
    Buffer* buffer = SharedBuffer();
    if (!ReadOnce(file.get(), buffer)) return;
    Scanner scan(buffer->data(), buffer->size);
    uint64_t major = 0, minor = 0;
    if (!scan.Number(&major) || !scan.Match(":") || !scan.Number(&minor)) return;
    number[0] = major;
    number[1] = minor;
  }

  const Roots roots_;
  File stat_;
  Rate read_, written_, busy_;
};

}  // namespace

Probe* MakeDiskIoProbe(const Selector& selector, Failure* why) {
  DiskIoProbe* probe = new DiskIoProbe();
  if (probe->Open(selector, why)) return probe;
  delete probe;
  return nullptr;
}

}  // namespace tripline
