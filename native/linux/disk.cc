// disk, disk.free, disk.inodes: statvfs() of a path, as df counts.
#include <sys/statvfs.h>
#include <cerrno>

#include "linux/ext4.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/mounts.h"
#include "port/platform.h"
#include "util/counter.h"

namespace tripline {

namespace {

constexpr double kBytesPerSecond = 2e9;  // the fastest that a disk credibly fills
constexpr double kInodesPerSecond = 2e5;
// Checked before nearly every read, because statvfs() follows a later mount at once, and a mount that hangs would stop
// this thread.
constexpr uint64_t kLook = 10 * kMillisecond;

class DiskProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    if (!MakeAbsolute(selector.name, &path_, why)) return false;
    watch_.Open(roots_);
    device_.SetPinned();
    // A path that may hang is only read by the helper thread.
    Failure remote;
    blocking_ = !FindMount(&remote);
    if (blocking_) watch_.Close();
    struct statvfs fs;
    return blocking_ || Ask(&fs, why);
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (!blocking_ && watch_.HasChanged(now)) {
      remote_.Clear();
      FindMount(&remote_);
    }
    // The file system that is now mounted there could hang this thread; a new probe will use a helper thread.
    if (remote_.failed()) return SetUnavailable(wanted, remote_, out);
    struct statvfs fs;
    Failure why;
    const unsigned long before = id_;
    if (!Ask(&fs, &why)) return SetUnavailable(wanted, why, out);
    if (!blocking_ && id_ != before) {
      // The device may be unplugged before the next check.
      has_mount_ = false;
      FindMount(&remote_);
    }
    if (IsGone(now)) return SetUnavailable(wanted, gone_, out);
    SetSpace(now, fs, wanted, out);
    SetInodes(fs, wanted, out);
  }

  const char* Origin(Metric) const override { return path_.get(); }

  double MaxSlope(Metric metric) const override {
    switch (metric) {
      case Metric::kDisk: return bytes_ > 0 ? 100 * kBytesPerSecond / bytes_ : 0;
      case Metric::kDiskFree: return kBytesPerSecond;
      case Metric::kDiskInodes: return inodes_ > 0 ? 100 * kInodesPerSecond / inodes_ : 0;
      default: return 0;
    }
  }

  bool blocking() const override { return blocking_; }
  // A new probe could not know that the device was present before.
  bool recovers() const override { return gone_.failed(); }

 private:
  // False, with the reason, if the path is not known to be on a file system that answers at once.
  bool FindMount(Failure* why) {
    const Mounts mounts(roots_);
    char real[kMaxPath];
    Mount mount;
    if (!mounts.ResolveLocal(path_.get(), real, why)) return false;
    if (!mounts.Find(real, &mount)) return true;
    ext4_.Set(roots_, mount, real);
    WatchDevice(mount);
    return true;
  }

  // File systems answer from memory after their device is unplugged, and their mounts stay. A device that was never
  // visible may only be hidden (by a container that masks /sys), so a device counts as gone only if it was visible
  // before.
  void WatchDevice(const Mount& mount) {
    if (has_mount_ && mount.id == mount_) return;
    has_mount_ = true;
    mount_ = mount.id;
    gone_.Clear();
    Text folder;
    SetDeviceFolder(roots_, mount, &folder);
    device_.SetPath(folder.get(), "/dev");
    const bool shown = mount.major != 0 && (device_.Read(1, SharedBuffer()) || IsResourceShortage(device_.error()));
    if (!shown) device_.SetPath("");
  }

  // An open sysfs file fails with ENODEV once its device is gone. Reading it costs a sixth of a lookup by name. The
  // device does not come back to this mount: a later device with the same number is another one.
  bool IsGone(uint64_t now) {
    if (device_.path()[0] == '\0' || gone_.failed()) return gone_.failed();
    if (!device_.Read(now, SharedBuffer()) && device_.error() == ENODEV) device_.Explain("the device is gone", &gone_);
    return gone_.failed();
  }

  bool Ask(struct statvfs* fs, Failure* why) {
    int result = 0;
    do {
      result = statvfs(path_.get(), fs);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
      why->SetErrno("statvfs", path_.get(), errno, errno == ENOENT ? "no such path" : "");
      return false;
    }
    // Another file system has been mounted there, or this is the first read.
    if (!asked_ || fs->f_fsid != id_) writable_ = (fs->f_flag & ST_RDONLY) == 0;
    asked_ = true;
    id_ = fs->f_fsid;
    return true;
  }

  // A number above the total is a wrapped negative one; servers report that when root's reserve is in use.
  static uint64_t Available(uint64_t available, uint64_t all) { return available <= all ? available : 0; }

  // The blocks reserved for root are neither used nor free for other users.
  void SetSpace(uint64_t now, const struct statvfs& fs, MetricMask wanted, Readings* out) {
    const double used = ToDouble(SaturatingDifference(fs.f_blocks, fs.f_bfree));
    const double free = ToDouble(Available(fs.f_bavail, fs.f_blocks));
    const double size = ToDouble(fs.f_frsize != 0 ? fs.f_frsize : fs.f_bsize);
    bytes_ = (used + free) * size;
    if (bytes_ <= 0) {
      return SetUnavailable(wanted & (MaskOf(Metric::kDisk) | MaskOf(Metric::kDiskFree)),
                            "a file system without blocks, such as proc, has no space to run out of", out);
    }
    if (Wants(wanted, Metric::kDisk)) out->SetLevel(Metric::kDisk, 100 * used / (used + free));
    if (Wants(wanted, Metric::kDiskFree)) {
      // A file system that was writable and has turned read-only accepts no more bytes. ext4 does this on errors, and a
      // worn SD card ends this way.
      const bool flipped = writable_ && (fs.f_flag & ST_RDONLY) != 0;
      const bool stopped = flipped || (!blocking_ && ext4_.HasStopped(now, roots_));
      out->SetLevel(Metric::kDiskFree, stopped ? 0 : free * size);
    }
  }

  void SetInodes(const struct statvfs& fs, MetricMask wanted, Readings* out) {
    if (!Wants(wanted, Metric::kDiskInodes)) return;
    const double used = ToDouble(SaturatingDifference(fs.f_files, fs.f_ffree));
    const double free = ToDouble(Available(fs.f_favail, fs.f_files));
    inodes_ = used + free;
    if (fs.f_files == 0 || inodes_ <= 0) {
      return SetUnavailable(MaskOf(Metric::kDiskInodes), "no inode limit on this file system", out);
    }
    out->SetLevel(Metric::kDiskInodes, 100 * used / inodes_);
  }

  bool has_mount_ = false;
  bool blocking_ = false;
  bool asked_ = false;
  bool writable_ = false;
  uint64_t mount_ = 0;  // its id
  unsigned long id_ = 0;
  double bytes_ = 0;
  double inodes_ = 0;

  const Roots roots_;
  Text path_;
  MountWatch watch_{kLook};
  File device_;  // the device's file `dev` in /sys; no path if /sys does not show the device
  Ext4Watch ext4_;
  Failure remote_;  // why the path is no longer local
  Failure gone_;    // why the device is gone
};

}  // namespace

Probe* MakeDiskProbe(const Selector& selector, Failure* why) { return OpenProbe<DiskProbe>(selector, why); }

}  // namespace tripline
