// disk, disk.free, disk.inodes: statvfs() of a path, as df reckons.
#include <sys/statvfs.h>
#include <cerrno>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/mounts.h"
#include "port/platform.h"

namespace tripline {

namespace {

constexpr double kBytesPerSecond = 2e9;  // the fastest that a disk credibly fills
constexpr double kInodesPerSecond = 2e5;

class DiskProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    if (!MakeAbsolute(selector.name, &path_, why)) return false;
    const Roots roots;
    const Mounts mounts(roots);
    char real[kMaxPath];
    blocking_ = !mounts.ResolveLocal(path_.get(), real);
    // A path that may hang is looked at later, by the helper thread.
    if (blocking_) return true;
    struct statvfs fs;
    if (!Ask(&fs, why)) return false;
    writable_ = (fs.f_flag & ST_RDONLY) == 0;
    asked_ = true;
    return true;
  }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    struct statvfs fs;
    Failure why;
    if (!Ask(&fs, &why)) {
      return SetUnavailable(wanted, why, out);
    }
    if (!asked_) writable_ = (fs.f_flag & ST_RDONLY) == 0;
    asked_ = true;
    SetSpace(fs, wanted, out);
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

 private:
  bool Ask(struct statvfs* fs, Failure* why) const {
    int result = 0;
    do {
      result = statvfs(path_.get(), fs);
    } while (result != 0 && errno == EINTR);
    if (result == 0) return true;
    why->SetErrno("statvfs", path_.get(), errno, errno == ENOENT ? "no such path" : "");
    return false;
  }

  // The blocks reserved for root are neither used nor free for anybody else.
  void SetSpace(const struct statvfs& fs, MetricMask wanted, Readings* out) {
    const double used = ToDouble(Growth(fs.f_bfree, fs.f_blocks));
    const double free = ToDouble(fs.f_bavail);
    const double size = ToDouble(fs.f_frsize != 0 ? fs.f_frsize : fs.f_bsize);
    bytes_ = (used + free) * size;
    if (bytes_ <= 0) {
      Failure why;
      why.Set("a file system without blocks, such as proc, has no space to run out of");
      return SetUnavailable(wanted & (MaskOf(Metric::kDisk) | MaskOf(Metric::kDiskFree)), why, out);
    }
    if (Wants(wanted, Metric::kDisk)) out->SetLevel(Metric::kDisk, 100 * used / (used + free));
    if (Wants(wanted, Metric::kDiskFree)) {
      // A file system that was writable and has turned read-only, which is what ext4 does on errors and what a worn SD
      // card ends as, takes no more bytes.
      const bool flipped = writable_ && (fs.f_flag & ST_RDONLY) != 0;
      out->SetLevel(Metric::kDiskFree, flipped ? 0 : free * size);
    }
  }

  void SetInodes(const struct statvfs& fs, MetricMask wanted, Readings* out) {
    if (!Wants(wanted, Metric::kDiskInodes)) return;
    const double used = ToDouble(Growth(fs.f_ffree, fs.f_files));
    const double free = ToDouble(fs.f_favail);
    inodes_ = used + free;
    if (fs.f_files == 0 || inodes_ <= 0) {
      Failure why;
      why.Set("no inode limit on this file system");
      return SetUnavailable(MaskOf(Metric::kDiskInodes), why, out);
    }
    out->SetLevel(Metric::kDiskInodes, 100 * used / inodes_);
  }

  Text path_;
  bool blocking_ = false;
  bool asked_ = false;
  bool writable_ = false;
  double bytes_ = 0;
  double inodes_ = 0;
};

}  // namespace

Probe* MakeDiskProbe(const Selector& selector, Failure* why) {
  DiskProbe* probe = new DiskProbe();
  if (probe->Open(selector, why)) return probe;
  delete probe;
  return nullptr;
}

}  // namespace tripline
