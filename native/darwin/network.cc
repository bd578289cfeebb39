// network.rx, network.tx: sysctl NET_RT_IFLIST2, summed over the interfaces with hardware behind them.
#include <errno.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include "darwin/convert.h"
#include "darwin/families.h"
#include "port/platform.h"
#include "port/traffic.h"

namespace tripline {
namespace {

class NetworkProbe final : public Probe {
 public:
  ~NetworkProbe() override { free(buffer_); }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    size_t size = 0;
    if (!Fetch(&size)) {
      Failure why;
      why.SetErrno("sysctl", "NET_RT_IFLIST2", errno, "");
      SetUnavailable(wanted, why, out);
      return;
    }
    bool any_hardware = false;
    ForEach(size,
            [&any_hardware](const struct if_msghdr2* message) { any_hardware = any_hardware || HasHardware(message); });
    bool stands_still = false;
    ForEach(size, [this, any_hardware, &stands_still](const struct if_msghdr2* message) {
      if (!darwin::IsCounted(HasHardware(message), any_hardware, message->ifm_data.ifi_type)) return;
      stands_still = Count(message) || stands_still;
    });
    traffic_.Report(now, out);
    if (!stands_still) return;
    Failure why;
    why.Set("macOS does not count what an interface receives for this program (Wi-Fi on recent versions)");
    SetUnavailable(wanted & MaskOf(Metric::kNetworkRx), why, out);
  }

  const char* Origin(Metric) const override { return "sysctl NET_RT_IFLIST2"; }

 private:
  // Allocates only when the list is longer than ever.
  bool Fetch(size_t* size) {
    int name[] = {CTL_NET, PF_ROUTE, 0, 0, NET_RT_IFLIST2, 0};
    for (int attempt = 0; attempt < 3; attempt++) {
      *size = capacity_;
      if (buffer_ != nullptr && sysctl(name, 6, buffer_, size, nullptr, 0) == 0) return true;
      if (buffer_ != nullptr && errno != ENOMEM) return false;
      if (sysctl(name, 6, nullptr, size, nullptr, 0) != 0) return false;
      const size_t wanted = *size + 4096;
      auto* grown = static_cast<char*>(realloc(buffer_, wanted));
      if (grown == nullptr) return false;
      buffer_ = grown;
      capacity_ = wanted;
    }
    return false;
  }

  template <typename Visit>
  void ForEach(size_t size, Visit visit) const {
    for (size_t at = 0; at + sizeof(struct if_msghdr) <= size;) {
      const auto* header = reinterpret_cast<const struct if_msghdr*>(buffer_ + at);
      if (header->ifm_msglen == 0) break;
      if (header->ifm_type == RTM_IFINFO2 && at + sizeof(struct if_msghdr2) + sizeof(struct sockaddr_dl) <= size) {
        visit(reinterpret_cast<const struct if_msghdr2*>(buffer_ + at));
      }
      at += header->ifm_msglen;
    }
  }

  static bool HasHardware(const struct if_msghdr2* message) {
    const auto* link = reinterpret_cast<const struct sockaddr_dl*>(message + 1);
    return darwin::IsHardwareInterface(link->sdl_data, link->sdl_nlen, message->ifm_data.ifi_type);
  }

  // Whether what it receives is not counted.
  bool Count(const struct if_msghdr2* message) {
    Traffic::Interface* interface = traffic_.Find(message->ifm_index);
    // Programs that are not Apple's get the lower 32 bits, which a fast interface fills in seconds; an interface that
    // starts anew has another index.
    constexpr uint64_t kMostBetweenReads = uint64_t{1} << 31;
    interface->received.AddNarrow(message->ifm_data.ifi_ibytes, kMostBetweenReads);
    interface->sent.AddNarrow(message->ifm_data.ifi_obytes, kMostBetweenReads);
    return darwin::StandsStill(interface->received.sum(), interface->sent.sum());
  }

  char* buffer_ = nullptr;
  size_t capacity_ = 0;
  Traffic traffic_;
};

}  // namespace

Probe* MakeNetworkProbe(Failure*) { return new NetworkProbe(); }

}  // namespace tripline
