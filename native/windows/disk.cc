// disk, disk.free: room on the volume of a path, for this user.
#include "port/platform.h"
#include "windows/convert.h"
#include "windows/families.h"
#include "windows/path.h"
#include "windows/win.h"

namespace tripline {
namespace {

constexpr double kBytesPerSecond = 2e9;  // the fastest that a disk credibly fills

class DiskProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) { return FindVolume(selector.name, &volume_, why); }

  bool blocking() const override { return !volume_.local; }

  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    ULARGE_INTEGER available, total;
    Failure why;
    const bool found = volume_.root[0] != L'\0' || FindRoot("", &volume_, &why);
    if (!found || !GetDiskFreeSpaceExW(volume_.root, &available, &total, nullptr)) {
      if (found) SetWinError("GetDiskFreeSpaceEx", "", GetLastError(), "", &why);
      SetUnavailable(wanted, why, out);
      return;
    }
    total_ = static_cast<double>(total.QuadPart);
    if (Wants(wanted, Metric::kDiskFree)) out->SetLevel(Metric::kDiskFree, static_cast<double>(available.QuadPart));
    if (Wants(wanted, Metric::kDisk)) {
      out->SetLevel(Metric::kDisk, windows::DiskShare(total.QuadPart, available.QuadPart));
    }
  }

  const char* Origin(Metric) const override { return "GetDiskFreeSpaceEx"; }

  double MaxSlope(Metric metric) const override {
    if (metric == Metric::kDiskFree) return kBytesPerSecond;
    return total_ > 0 ? 100 * kBytesPerSecond / total_ : 0;
  }

 private:
  Volume volume_;
  double total_ = 0;
};

}  // namespace

Probe* MakeDiskProbe(const Selector& selector, Failure* why) { return OpenProbe<DiskProbe>(selector, why); }

}  // namespace tripline
