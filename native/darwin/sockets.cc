// sockets: TCP control blocks, as sysctl net.inet.tcp.pcbcount counts them, including those in TIME_WAIT.
#include <errno.h>
#include <sys/sysctl.h>

#include "darwin/families.h"

namespace tripline {
namespace {

class SocketsProbe final : public Probe {
 public:
  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    unsigned count = 0;
    size_t size = sizeof(count);
    if (sysctlbyname(kName, &count, &size, nullptr, 0) == 0) return out->SetLevel(Metric::kSockets, count);
    Failure why;
    why.SetErrno("sysctl", kName, errno, "");
    SetUnavailable(wanted, why, out);
  }

  const char* Origin(Metric) const override { return kName; }

 private:
  static constexpr const char* kName = "net.inet.tcp.pcbcount";
};

}  // namespace

Probe* MakeSocketsProbe(Failure*) { return new SocketsProbe(); }

}  // namespace tripline
