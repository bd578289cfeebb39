// disk.read, disk.write, disk.busy: performance counters of the volume that a path is on, or, where they are missing,
// the counters that the volume's driver keeps. disk.operations and disk.latency always come from the driver.
#include "port/platform.h"
#include "util/counter.h"
#include "windows/convert.h"
#include "windows/families.h"
#include "windows/path.h"
#include "windows/pdh.h"
#include "windows/win.h"

// After <windows.h>, on which they depend.
#include <winioctl.h>

namespace tripline {
namespace {

class DiskIoProbe final : public Probe {
 public:
  ~DiskIoProbe() override { CloseDevice(); }

  bool Open(const Selector& selector, Failure* why) {
    if (!FindVolume(selector.name, &volume_, why)) return false;
    if (volume_.place == Volume::kRemote) {
      why->Set(kRemote);
      return false;
    }
    return volume_.place != Volume::kLocal || SetUp(why);
  }

  // True until the volume is known: a drive without a medium, or a link to a network drive, may hang.
  bool blocking() const override { return volume_.place != Volume::kLocal; }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    Failure why;
    if (letter_ == 0 && !(FindRoot("", &volume_, &why) && SetUp(&why))) return SetUnavailable(wanted, why, out);
    constexpr MetricMask kOfOperations = MaskOf(Metric::kDiskOperations) | MaskOf(Metric::kDiskLatency);
    if ((wanted & kOfOperations) != 0) ReadOperations(now, wanted & kOfOperations, out);
    wanted &= ~kOfOperations;
    if (wanted == 0) return;
    const CounterReading read = read_.Read(), write = write_.Read(), idle = idle_.Read();
    const bool failed = read.state == CounterReading::kFailed || write.state == CounterReading::kFailed ||
                        idle.state == CounterReading::kFailed;
    const bool known = read.state == CounterReading::kKnown && write.state == CounterReading::kKnown &&
                       idle.state == CounterReading::kKnown;
    if (known != by_counter_) Forget();
    by_counter_ = known;
    if (known) {
      // All three must come from one collection. If they do not, the next read gets them.
      const bool one = read.at == idle.at && write.at == idle.at;
      if (one && idle.at != at_) Take(idle.at, read.first, write.first, {idle.first, idle.second});
    } else if (!failed || !ReadDevice(now)) {
      // Neither source has a value, or not yet.
      if (failed) SetUnavailable(wanted, FirstOf(read.why, write.why, idle.why), out);
      return;
    }
    SetPair(Metric::kDiskRead, read_sum_.sum(), seconds_, out);
    SetPair(Metric::kDiskWrite, write_sum_.sum(), seconds_, out);
    SetPair(Metric::kDiskBusy, busy_.busy, busy_.all, out);
  }

  const char* Origin(Metric metric) const override {
    return by_counter_ && metric != Metric::kDiskOperations && metric != Metric::kDiskLatency
               ? "PDH \\LogicalDisk"
               : "DeviceIoControl(IOCTL_DISK_PERFORMANCE)";
  }

  uint32_t MinPeriodMs(Metric metric) const override {
    const bool direct = metric == Metric::kDiskOperations || metric == Metric::kDiskLatency;
    return by_counter_ && !direct ? 1000 : InfoOf(metric).min_period_ms;
  }

 private:
  static constexpr char kRemote[] = "a network drive is not on a device of this machine";

  bool SetUp(Failure* why) {
    const List<wchar_t>& root = volume_.root;
    const bool lettered = root.size() > 3 && root[1] == L':';
    const wchar_t drive[] = {root[0], L':', L'\\', L'\0'};
    if (!lettered || GetDriveTypeW(drive) == DRIVE_REMOTE) {
      why->Set(kRemote);
      return false;
    }
    // A volume that is mounted in a folder has the drive letter of the volume around it.
    if (root[3] != L'\0') {
      why->Set("rates are of volumes with a drive letter; this one is mounted in a folder");
      return false;
    }
    letter_ = root[0] >= L'a' && root[0] <= L'z' ? static_cast<wchar_t>(root[0] - 32) : root[0];
    OpenCounter(&read_, L"Disk Read Bytes/sec");
    OpenCounter(&write_, L"Disk Write Bytes/sec");
    OpenCounter(&idle_, L"% Idle Time");
    return true;
  }

  void OpenCounter(Counter* counter, const wchar_t* name) {
    wchar_t path[64] = L"\\LogicalDisk(?:)\\";
    path[13] = letter_;
    size_t size = 17;
    while (*name != L'\0' && size + 1 < 64) path[size++] = *name++;
    path[size] = L'\0';
    counter->Open(path);
  }

  static const Failure& FirstOf(const Failure& a, const Failure& b, const Failure& c) {
    return a.failed() ? a : b.failed() ? b : c;
  }

  void CloseDevice() {
    if (device_ != INVALID_HANDLE_VALUE) CloseHandle(device_);
    device_ = INVALID_HANDLE_VALUE;
  }

  // False with GetLastError().
  bool AskDevice(DISK_PERFORMANCE* performance) {
    if (device_ == INVALID_HANDLE_VALUE) {
      const wchar_t device[] = {L'\\', L'\\', L'.', L'\\', letter_, L':', L'\0'};
      // No access is asked for, so it needs no rights.
      device_ = CreateFileW(device, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr, OPEN_EXISTING, 0, nullptr);
      if (device_ == INVALID_HANDLE_VALUE) return false;
    }
    DWORD size = 0;
    if (DeviceIoControl(device_, IOCTL_DISK_PERFORMANCE, nullptr, 0, performance, sizeof(*performance), &size,
                        nullptr)) {
      return true;
    }
    // Close the handle: the letter may refer to another device when it is opened again.
    const DWORD error = GetLastError();
    CloseDevice();
    Forget();
    operations_.Forget();
    waited_.Forget();
    SetLastError(error);
    return false;
  }

  void ReadOperations(uint64_t now, MetricMask wanted, Readings* out) {
    DISK_PERFORMANCE performance = {};
    if (!AskDevice(&performance)) {
      Failure why;
      SetWinError("DeviceIoControl", "IOCTL_DISK_PERFORMANCE", GetLastError(), "", &why);
      return SetUnavailable(wanted, why, out);
    }
    operations_.Add(uint64_t{performance.ReadCount} + performance.WriteCount);
    waited_.Add(static_cast<uint64_t>(performance.ReadTime.QuadPart + performance.WriteTime.QuadPart));
    direct_.Add(now);
    // Without operations the latency is 0: adding a millionth of an operation per second keeps the divisor above 0.
    const double operations = operations_.sum() + 1e-6 * direct_.seconds();
    SetPair(Metric::kDiskOperations, operations_.sum(), direct_.seconds(), out);
    SetPair(Metric::kDiskLatency, waited_.sum() * 1e3 / windows::kTicksPerSecond, operations, out);
  }

  bool ReadDevice(uint64_t now) {
    DISK_PERFORMANCE performance = {};
    if (!AskDevice(&performance)) return false;
    Take(now, static_cast<uint64_t>(performance.BytesRead.QuadPart),
         static_cast<uint64_t>(performance.BytesWritten.QuadPart),
         {static_cast<uint64_t>(performance.IdleTime.QuadPart), static_cast<uint64_t>(performance.QueryTime.QuadPart)});
    return true;
  }

  void Take(uint64_t at, uint64_t read, uint64_t written, const windows::IdleCounter& idle) {
    read_sum_.Add(read);
    write_sum_.Add(written);
    if (at_ != 0) {
      seconds_ += ToSeconds(at - at_);
      windows::AddIdle(idle_last_, idle, 1, &busy_);
    }
    at_ = at;
    idle_last_ = idle;
  }

  void Forget() {
    at_ = 0;
    read_sum_.Forget();
    write_sum_.Forget();
  }

  Volume volume_;
  wchar_t letter_ = 0;  // 0 until it is known
  Counter read_, write_, idle_;
  HANDLE device_ = INVALID_HANDLE_VALUE;
  bool by_counter_ = false;
  uint64_t at_ = 0;
  double seconds_ = 0;
  GrowingSum read_sum_, write_sum_, operations_, waited_;
  ElapsedTime direct_;
  windows::IdleCounter idle_last_;
  windows::CpuSums busy_;
};

}  // namespace

Probe* MakeDiskIoProbe(const Selector& selector, Failure* why) { return OpenProbe<DiskIoProbe>(selector, why); }

}  // namespace tripline
