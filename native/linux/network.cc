// network.rx, network.tx: /proc/net/dev, summed over the interfaces that have a device behind them, so that what passes
// through bridges, tunnels and virtual pairs is not counted twice. Where no interface has one, as in most containers,
// over all but loopback.
#include <unistd.h>
#include <cstring>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/parse/counters.h"
#include "port/platform.h"
#include "util/counter.h"

namespace tripline {

namespace {

constexpr uint64_t kPeriod = 100 * kMillisecond;
constexpr uint32_t kInterfaces = 32;
constexpr size_t kLine = 512;     // no line of it is that long
constexpr size_t kNameSize = 16;  // IFNAMSIZ

struct Known {
  char name[kNameSize] = "";
  bool counted = false;
  bool seen = false;
  bool has_last = false;
  uint64_t received = 0, sent = 0;
};

class NetworkProbe final : public Probe {
 public:
  NetworkProbe() {
    // net is a link to self/net: this process's namespace. A tree of another machine, or of the host seen from a
    // container, is seen through its first process.
    file_.SetPath(roots_.proc.get(), "/1/net/dev");
    if (!roots_.other_proc || access(file_.path(), R_OK) != 0) file_.SetPath(roots_.proc.get(), "/net/dev");
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    Buffer* buffer = SharedBuffer();
    if (file_.read_at() == 0 || now - file_.read_at() >= kPeriod - kPeriod / 8) {
      if (!file_.ReadPieces(now, buffer, kLine)) {
        Failure why;
        file_.Explain("", &why);
        for (Known& known : known_) known.has_last = false;
        last_at_ = 0;
        return SetUnavailable(wanted, why, out);
      }
      Take(now, *buffer);
    }
    if (Wants(wanted, Metric::kNetworkRx)) SetPair(Metric::kNetworkRx, received_, elapsed_, out);
    if (Wants(wanted, Metric::kNetworkTx)) SetPair(Metric::kNetworkTx, sent_, elapsed_, out);
  }

  const char* Origin(Metric) const override { return file_.path(); }

 private:
  void Take(uint64_t now, const Buffer& buffer) {
    for (Known& known : known_) known.seen = false;
    NetworkInterface interface;
    for (Scanner scan(buffer.data(), buffer.size); NextInterface(&scan, &interface);) {
      if (interface.name.Is("lo") || interface.name.size >= kNameSize) continue;
      Known* known = Find(interface.name);
      if (known == nullptr) continue;
      known->seen = true;
      if (known->has_last && Counts(*known)) {
        received_ += ToDouble(CounterGrowth(known->received, interface.received));
        sent_ += ToDouble(CounterGrowth(known->sent, interface.sent));
      }
      known->has_last = true;
      known->received = interface.received;
      known->sent = interface.sent;
    }
    devices_ = 0;
    for (Known& known : known_) {
      if (!known.seen) known = Known();
      if (known.counted) devices_++;
    }
    if (last_at_ != 0) elapsed_ += Seconds(now - last_at_);
    last_at_ = now;
  }

  bool Counts(const Known& known) const { return known.counted || devices_ == 0; }

  Known* Find(Span name) {
    Known* free = nullptr;
    for (Known& known : known_) {
      if (name.Is(known.name)) return &known;
      if (known.name[0] == '\0' && free == nullptr) free = &known;
    }
    if (free == nullptr) return nullptr;
    memcpy(free->name, name.data, name.size);
    free->name[name.size] = '\0';
    free->counted = HasDevice(free->name);
    return free;
  }

  // Also what dials through a serial line, which has no device of its own.
  bool HasDevice(const char* name) const {
    if (strncmp(name, "ppp", 3) == 0 || strncmp(name, "wwan", 4) == 0) return true;
    Text path;
    path.Set(roots_.sys.get(), "/class/net/", name, "/device");
    return access(path.get(), F_OK) == 0;
  }

  const Roots roots_;
  File file_;
  Known known_[kInterfaces];
  uint32_t devices_ = 0;
  uint64_t last_at_ = 0;
  double received_ = 0, sent_ = 0, elapsed_ = 0;
};

}  // namespace

Probe* MakeNetworkProbe(Failure* why) {
  (void)why;
  return new NetworkProbe();
}

}  // namespace tripline
