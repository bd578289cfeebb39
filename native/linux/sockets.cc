// sockets: TCP sockets in use, IPv4 and IPv6, in this process's network namespace: "TCP: inuse 5 orphan 0 tw 1 alloc 7
// mem 1" in /proc/net/sockstat, and "TCP6: inuse 3" in sockstat6. To list the sockets instead, the kernel would have to
// walk all of its tables.
#include "linux/families.h"
#include "linux/file.h"
#include "linux/interfaces.h"
#include "port/platform.h"

namespace tripline {
namespace {

class SocketsProbe final : public Probe {
 public:
  SocketsProbe() {
    Text net;
    FindNet(roots_, &net);
    first_.SetPath(net.get(), "/sockstat");
    second_.SetPath(net.get(), "/sockstat6");
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    Failure why;
    double first = 0, second = 0;
    if (Count(now, &first_, "TCP:", &first, &why)) {
      // A kernel may be built without IPv6.
      Failure absent;
      Count(now, &second_, "TCP6:", &second, &absent);
      return out->SetLevel(Metric::kSockets, first + second);
    }
    SetUnavailable(wanted, why, out);
  }

  const char* Origin(Metric) const override { return first_.path(); }

 private:
  static bool Count(uint64_t now, File* file, const char* family, double* count, Failure* why) {
    Buffer* buffer = SharedBuffer();
    if (!file->Read(now, buffer)) {
      file->Explain("", why);
      return false;
    }
    for (Scanner scan(buffer->data(), buffer->size); !scan.done(); scan.SkipLine()) {
      uint64_t number = 0;
      if (!scan.Match(family) || !scan.Match(" inuse") || !scan.Whole(&number)) continue;
      *count = ToDouble(number);
      return true;
    }
    why->Set("sockstat says nothing of TCP");
    return false;
  }

  const Roots roots_;
  File first_, second_;
};

}  // namespace

Probe* MakeSocketsProbe(Failure*) { return new SocketsProbe(); }

}  // namespace tripline
