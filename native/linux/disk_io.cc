// disk.read, disk.write, disk.operations, disk.latency, disk.busy: the counters of the devices that a path is on,
// summed; busy is the busiest of them.
#include <cstdio>
#include <cstring>
#include <memory>

#include "linux/disk_devices.h"
#include "linux/families.h"
#include "linux/file.h"
#include "linux/mounts.h"
#include "linux/parse/counters.h"
#include "port/platform.h"
#include "util/counter.h"

namespace tripline {

namespace {

constexpr uint64_t kPeriod = 100 * kMillisecond;
constexpr double kSector = 512;
// Busy time is counted in ticks, so a small excess over the elapsed time belongs to the next tick.
constexpr double kTick = 0.01;
// Interval between checks for new devices that no change of the mounts reveals.
constexpr uint64_t kLookAgain = 10 * kSecond;
// A device that has moved this many sectors was busy; if its time is 0, the kernel does not keep it.
constexpr uint64_t kSomeSectors = 2048;
// The same for operations.
constexpr uint64_t kSomeOperations = 1000;
// Without operations there is nothing to wait for. This many operations per second are added to the divisor, so that
// the quotient is 0 in that case and changes by less than a millionth otherwise.
constexpr double kNoOperation = 1e-6;

// One counter of a device.
class Column {
 public:
  void Forget() { known_ = false; }

  double Grow(uint64_t now) {
    const uint64_t growth = known_ ? CounterGrowth(last_, now) : 0;
    known_ = true;
    last_ = now;
    return ToDouble(growth);
  }

 private:
  bool known_ = false;
  uint64_t last_ = 0;
};

// The last reading of one device.
struct Counted {
  File file;
  CounterFormat format = CounterFormat::kBlock;
  Column read, written, busy, operations, waited;
  bool waits = false;  // requests were in flight

  void Forget() { read.Forget(), written.Forget(), busy.Forget(), operations.Forget(), waited.Forget(); }
};

class DiskIoProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    if (!MakeAbsolute(selector.name, &path_, why)) return false;
    watch_.Open(roots_);
    if (!Look(why)) return false;
    if (devices_.may_grow()) look_at_ = 0;
    return true;
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if (now >= look_at_ || watch_.HasChanged(now)) {
      missing_.Clear();
      if (Look(&missing_)) missing_.Clear();
      look_at_ = missing_.failed() ? now + kRetry : devices_.may_grow() ? now + kLookAgain : kNever;
    }
    // A column once requested stays on, because series may take turns reading.
    const uint8_t before = columns_;
    if (Wants(wanted, Metric::kDiskRead)) columns_ |= kReadColumn;
    if (Wants(wanted, Metric::kDiskWrite)) columns_ |= kWrittenColumn;
    if (Wants(wanted, Metric::kDiskBusy)) columns_ |= kBusyColumn;
    constexpr MetricMask kOfOperations = MaskOf(Metric::kDiskOperations) | MaskOf(Metric::kDiskLatency);
    if ((wanted & kOfOperations) != 0) columns_ |= kOperationColumns;
    if (columns_ != before) at_ = 0;
    if (!missing_.failed() && (at_ == 0 || now - at_ >= kPeriod - kPeriod / 8)) Take(now);
    if (missing_.failed()) return SetUnavailable(wanted, missing_, out);
    if (Wants(wanted, Metric::kDiskRead)) SetPair(Metric::kDiskRead, read_, elapsed_.seconds(), out);
    if (Wants(wanted, Metric::kDiskWrite)) SetPair(Metric::kDiskWrite, written_, elapsed_.seconds(), out);
    if (Wants(wanted, Metric::kDiskOperations)) SetPair(Metric::kDiskOperations, operations_, elapsed_.seconds(), out);
    if (Wants(wanted, Metric::kDiskLatency)) {
      if (timeless_.failed())
        SetUnavailable(MaskOf(Metric::kDiskLatency), timeless_, out);
      else
        SetPair(Metric::kDiskLatency, waited_, operations_ + kNoOperation * elapsed_.seconds(), out);
    }
    if (!Wants(wanted, Metric::kDiskBusy)) return;
    if (idle_.failed()) return SetUnavailable(MaskOf(Metric::kDiskBusy), idle_, out);
    SetPair(Metric::kDiskBusy, busy_, elapsed_.seconds(), out);
  }

  const char* Origin(Metric) const override { return devices_.origin(); }
  bool recovers() const override { return true; }

 private:
  // Updates the list of devices. Devices that were listed before keep their counts.
  bool Look(Failure* why) {
    if (!devices_.Find(path_.get(), why)) {
      counted_.clear();
      return false;
    }
    const List<std::unique_ptr<DeviceCounters>>& found = devices_.counters();
    bool same = found.size() == counted_.size();
    for (size_t i = 0; same && i < found.size(); i++) {
      same = strcmp(found[i]->path.get(), counted_[i]->file.path()) == 0;
    }
    if (same) return true;
    counted_.clear();
    for (const std::unique_ptr<DeviceCounters>& each : found) {
      counted_.push_back(std::unique_ptr<Counted>(new Counted()));
      counted_.back()->file.SetPath(each->path.get());
      counted_.back()->format = each->format;
    }
    elapsed_.Forget();
    at_ = 0;
    return true;
  }

  void Take(uint64_t now) {
    idle_.Clear();
    timeless_.Clear();
    stuck_ = false;
    double busiest = 0;
    for (const std::unique_ptr<Counted>& each : counted_) {
      if (TakeOne(now, each.get(), &busiest)) continue;
      for (const std::unique_ptr<Counted>& other : counted_) other->Forget();
      elapsed_.Forget();
      look_at_ = now + kRetry;
      at_ = 0;
      return;
    }
    const double before = elapsed_.seconds();
    elapsed_.Add(now);
    // Never more than the elapsed time; any excess may belong to the next interval.
    const double passed = elapsed_.seconds() - before;
    const double busy = stuck_ ? passed : busiest + over_;
    busy_ += busy < passed ? busy : passed;
    over_ = busy < passed ? 0 : busy - passed < kTick ? busy - passed : kTick;
    at_ = now;
  }

  // False, with the reason in `missing_`, if the device's counters cannot be read.
  bool TakeOne(uint64_t now, Counted* device, double* busiest) {
    Buffer* buffer = SharedBuffer();
    if (!device->file.Read(now, buffer)) {
      device->file.Explain("the device is gone", &missing_);
      return false;
    }
    if (device->format == CounterFormat::kBlock ? TakeBlock(*buffer, device, busiest)
                                                : TakePool(*buffer, device, busiest)) {
      return true;
    }
    snprintf(missing_.text, sizeof(missing_.text), "%.110s: not the counters of a device", device->file.path());
    return false;
  }

  bool TakeBlock(const Buffer& buffer, Counted* device, double* busiest) {
    BlockStat stat;
    if (!ParseBlockStat(buffer.data(), buffer.size, columns_, &stat)) return false;
    if ((columns_ & kReadColumn) != 0) read_ += kSector * device->read.Grow(stat.read_sectors);
    if ((columns_ & kWrittenColumn) != 0) written_ += kSector * device->written.Grow(stat.written_sectors);
    if ((columns_ & kOperationColumns) != 0) {
      operations_ += device->operations.Grow(stat.operations);
      waited_ += device->waited.Grow(stat.waited_ms);
      if (stat.waited_ms == 0 && stat.operations > kSomeOperations) {
        timeless_.Set("the device does not count how long its operations take");
      }
    }
    if ((columns_ & kBusyColumn) == 0) return true;
    const double busy = 1e-3 * device->busy.Grow(stat.busy_ms);
    TakeBusy(busy, busiest);
    // Kernels before 5.18 count the time of a hanging request only when it completes: nothing began or ended.
    stuck_ = stuck_ || (busy == 0 && device->waits && stat.in_flight > 0);
    device->waits = stat.in_flight > 0;
    if (stat.busy_ms > 0) return true;
    if (!ParseBlockStat(buffer.data(), buffer.size, kReadColumn | kWrittenColumn, &stat)) return false;
    if (stat.read_sectors + stat.written_sectors > kSomeSectors) {
      idle_.Set("the device does not count the time in which it is busy");
    }
    return true;
  }

  bool TakePool(const Buffer& buffer, Counted* device, double* busiest) {
    PoolIo pool;
    const bool stats = device->format == CounterFormat::kPoolStats;
    if (!(stats ? ParsePoolStats : ParsePoolIo)(buffer.data(), buffer.size, &pool)) return false;
    if (stats) idle_.Set("this version of ZFS does not count the time in which its devices are busy");
    timeless_.Set("ZFS does not count how long its operations take");
    operations_ += device->operations.Grow(pool.operations);
    read_ += device->read.Grow(pool.read);
    written_ += device->written.Grow(pool.written);
    TakeBusy(1e-9 * device->busy.Grow(pool.busy_ns), busiest);
    return true;
  }

  static void TakeBusy(double seconds, double* busiest) {
    if (seconds > *busiest) *busiest = seconds;
  }

  uint8_t columns_ = 0;
  bool stuck_ = false;
  uint64_t look_at_ = kNever;
  uint64_t at_ = 0;  // when they were last read
  double read_ = 0, written_ = 0, busy_ = 0;
  double operations_ = 0, waited_ = 0;  // waited: milliseconds
  double over_ = 0;
  ElapsedTime elapsed_;
  List<std::unique_ptr<Counted>> counted_;

  const Roots roots_;
  Text path_;
  MountWatch watch_{kSecond};
  DiskDevices devices_{roots_};
  Failure missing_;   // why there are no figures
  Failure idle_;      // why it is not known how busy they are
  Failure timeless_;  // or how long their operations take
};

}  // namespace

Probe* MakeDiskIoProbe(const Selector& selector, Failure* why) { return OpenProbe<DiskIoProbe>(selector, why); }

}  // namespace tripline
