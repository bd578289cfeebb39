// disk, disk.free: free space on the volume of a path, for this user.
#include "port/platform.h"
#include "windows/convert.h"
#include "windows/families.h"
#include "windows/path.h"
#include "windows/win.h"

namespace tripline {
namespace {

constexpr double kBytesPerSecond = 2e9;  // the fastest rate at which a disk credibly fills

class DiskProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) { return FindVolume(selector.name, &volume_, why); }

  bool blocking() const override { return volume_.place != Volume::kLocal; }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    ULARGE_INTEGER available, total;
    Failure why;
    if (!IsStillThere(volume_)) {
      why.Set("the drive letter stands for another drive now");
      return SetUnavailable(wanted, why, out);
    }
    if (volume_.root.empty() && !FindRoot("", &volume_, &why)) return SetUnavailable(wanted, why, out);
    if (!GetDiskFreeSpaceExW(volume_.root.data(), &available, &total, nullptr)) {
      SetWinError("GetDiskFreeSpaceEx", "", GetLastError(), "", &why);
      return SetUnavailable(wanted, why, out);
    }
    if (total.QuadPart == 0) {
      why.Set("the volume does not report its size");
      return SetUnavailable(wanted, why, out);
    }
    total_ = static_cast<double>(total.QuadPart);
    // With a quota, `total` is the quota, while the free space of the whole volume may be many times larger.
    if (Wants(wanted, Metric::kDisk)) {
      out->SetLevel(Metric::kDisk, windows::ShareGone(total.QuadPart, available.QuadPart));
    }
    if (!Wants(wanted, Metric::kDiskFree)) return;
    const bool full = HasTurnedReadOnly();
    out->SetLevel(Metric::kDiskFree, full ? 0 : static_cast<double>(available.QuadPart));
  }

  const char* Origin(Metric) const override { return "GetDiskFreeSpaceEx"; }

  double MaxSlope(Metric metric) const override {
    if (metric == Metric::kDiskFree) return kBytesPerSecond;
    return total_ > 0 ? 100 * kBytesPerSecond / total_ : 0;
  }

 private:
  // A volume that has turned read-only has no room left, whatever it reports as free.
  bool HasTurnedReadOnly() {
    DWORD flags = 0;
    if (!GetVolumeInformationW(volume_.root.data(), nullptr, 0, nullptr, nullptr, &flags, nullptr, 0)) return false;
    const bool read_only = (flags & FILE_READ_ONLY_VOLUME) != 0;
    was_writable_ = was_writable_ || !read_only;
    return was_writable_ && read_only;
  }

  Volume volume_;
  bool was_writable_ = false;
  double total_ = 0;
};

}  // namespace

Probe* MakeDiskProbe(const Selector& selector, Failure* why) { return OpenProbe<DiskProbe>(selector, why); }

}  // namespace tripline
