// memory*, swap, swap.rate. macOS has no containers, so `memory` is the host's figure, overridden by the
// kernel's memory-pressure level.
#include <errno.h>
#include <mach/mach.h>
#include <sys/sysctl.h>

#include "darwin/convert.h"
#include "darwin/families.h"
#include "port/platform.h"
#include "util/counter.h"
#include "util/slope.h"

namespace tripline {
namespace {

// After two to ten calls within a second (a random number), counted over all programs that are not Apple's, the kernel
// returns them a copy that may be a second old.
constexpr uint64_t kPagesPeriod = 500 * kMillisecond;

class MemoryProbe final : public Probe {
 public:
  MemoryProbe() : host_(mach_host_self()) {
    size_t size = sizeof(total_);
    if (sysctlbyname("hw.memsize", &total_, &size, nullptr, 0) != 0) total_ = 0;
    // The kernel's page size: 16 KiB on Apple silicon even where this process sees 4 KiB.
    vm_size_t page = 0;
    if (host_page_size(host_, &page) == KERN_SUCCESS) page_ = page;
  }
  ~MemoryProbe() override { mach_port_deallocate(mach_task_self(), host_); }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    if ((wanted & ~MaskOf(Metric::kSwap)) != 0) ReadPages(now, wanted, out);
    if (Wants(wanted, Metric::kSwap)) ReadSwap(wanted, out);
  }

  const char* Origin(Metric metric) const override {
    if (metric == Metric::kSwap) return "sysctl vm.swapusage";
    const bool judged = metric == Metric::kMemory || metric == Metric::kMemoryAvailable;
    return judged && critical_ ? "sysctl kern.memorystatus_vm_pressure_level"
                               : "host_statistics64(HOST_VM_INFO64), sysctl hw.memsize";
  }

  double MaxSlope(Metric metric) const override {
    switch (metric) {
      case Metric::kMemoryAvailable: return slope_.Credible();
      case Metric::kMemory:
      case Metric::kMemoryHost: return total_ == 0 ? 0 : 100 * slope_.Credible() / static_cast<double>(total_);
      case Metric::kSwap: return swap_total_ > 0 ? 100 * Slope::kFloor / swap_total_ : 0;
      default: return 0;
    }
  }

  // The pressure level can change at any time; page counts are refreshed every 500 ms.
  uint32_t MinPeriodMs(Metric metric) const override {
    if (metric == Metric::kSwap) return InfoOf(metric).min_period_ms;
    return metric == Metric::kMemory || metric == Metric::kMemoryAvailable ? 50 : kPagesPeriod / kMillisecond;
  }

 private:
  void ReadPages(uint64_t now, MetricMask wanted, Readings* out) {
    Failure why;
    if ((pages_at_ == 0 || now - pages_at_ >= kPagesPeriod) && !FetchPages(now, &why)) {
      SetUnavailable(wanted & ~MaskOf(Metric::kSwap), why, out);
      return;
    }
    const double used = 100 * (1 - available_ / static_cast<double>(total_));
    if (Wants(wanted, Metric::kMemoryHost)) out->SetLevel(Metric::kMemoryHost, used);
    SetPair(Metric::kSwapRate, swapped_.sum(), elapsed_.seconds(), out);
    if (!Wants(wanted, Metric::kMemory) && !Wants(wanted, Metric::kMemoryAvailable)) return;
    int level = 0;
    size_t size = sizeof(level);
    critical_ = sysctlbyname("kern.memorystatus_vm_pressure_level", &level, &size, nullptr, 0) == 0 &&
                darwin::IsCritical(level);
    if (Wants(wanted, Metric::kMemoryAvailable)) out->SetLevel(Metric::kMemoryAvailable, critical_ ? 0 : available_);
    if (Wants(wanted, Metric::kMemory)) out->SetLevel(Metric::kMemory, critical_ ? 100 : used);
  }

  bool FetchPages(uint64_t now, Failure* why) {
    vm_statistics64_data_t info;
    mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
    const kern_return_t error =
        host_statistics64(host_, HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&info), &count);
    if (error != KERN_SUCCESS || total_ == 0) {
      if (total_ == 0)
        why->Set("sysctl hw.memsize failed");
      else
        SetMachError("host_statistics64", error, why);
      return false;
    }
    darwin::VmPages pages;
    pages.internal = info.internal_page_count;
    pages.purgeable = info.purgeable_count;
    pages.wired = info.wire_count;
    pages.compressor = info.compressor_page_count;
    available_ = static_cast<double>(darwin::AvailableMemory(pages, total_, page_));
    slope_.Add(now, available_);
    swapped_.Add((info.swapins + info.swapouts) * page_);
    pages_at_ = now;
    elapsed_.Add(now);
    return true;
  }

  void ReadSwap(MetricMask wanted, Readings* out) {
    struct xsw_usage usage;
    size_t size = sizeof(usage);
    if (sysctlbyname("vm.swapusage", &usage, &size, nullptr, 0) != 0) {
      Failure why;
      why.SetErrno("sysctlbyname", "vm.swapusage", errno, "");
      return SetUnavailable(wanted & MaskOf(Metric::kSwap), why, out);
    }
    // Swap grows as needed and may not exist at all.
    swap_total_ = static_cast<double>(usage.xsu_total);
    out->SetLevel(Metric::kSwap, darwin::ShareUsed(usage.xsu_total, usage.xsu_avail, usage.xsu_avail));
  }

  const mach_port_t host_;
  uint64_t total_ = 0;
  uint64_t page_ = 4096;
  bool critical_ = false;
  double swap_total_ = 0;
  Slope slope_;
  uint64_t pages_at_ = 0;
  double available_ = 0;
  GrowingSum swapped_;
  ElapsedTime elapsed_;
};

}  // namespace

Probe* MakeMemoryProbe(Failure*) { return new MemoryProbe(); }

}  // namespace tripline
