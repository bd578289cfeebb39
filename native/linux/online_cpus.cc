#include "linux/online_cpus.h"

#include "linux/parse/stat.h"
#include "port/platform.h"

namespace tripline {

namespace {

constexpr uint64_t kPeriod = kSecond;
constexpr double kUnknown = 1e6;

}  // namespace

OnlineCpus::OnlineCpus(const Roots& roots) : count_(kUnknown) {
  file_.SetPath(roots.sys.get(), "/devices/system/cpu/online");
}

double OnlineCpus::Count(uint64_t now) {
  if (now < next_at_) return count_;
  next_at_ = now + kPeriod;
  Buffer* buffer = SharedBuffer();
  uint32_t count = 0;
  const bool known = file_.Read(now, buffer) && ParseCpuList(buffer->data(), buffer->size, &count);
  count_ = known ? ToDouble(count) : kUnknown;
  return count_;
}

}  // namespace tripline
