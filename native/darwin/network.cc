// network.rx, network.tx: sysctl NET_RT_IFLIST2, summed over the interfaces with hardware behind them.
#include <errno.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include "darwin/convert.h"
#include "darwin/families.h"
#include "port/platform.h"
#include "port/traffic.h"
#include "util/text.h"

namespace tripline {
namespace {

class NetworkProbe final : public Probe {
 public:
  ~NetworkProbe() override { free(buffer_); }

  bool Open(const Selector& selector, Failure* why) {
    snprintf(selected_, sizeof(selected_), "%s", selector.name);
    size_t size = 0;
    if (selector.name[0] == '\0') return true;
    if (!Fetch(&size)) {
      why->SetErrno("sysctl", "NET_RT_IFLIST2", errno, "");
      return false;
    }
    FixedText<96> seen;
    bool found = strlen(selector.name) < sizeof(selected_);
    bool named = false;
    ForEach(size, [this, &seen, &named](const struct if_msghdr2* message) {
      const auto* link = LinkOf(message);
      named = named || IsSelected(message);
      seen.Add(seen.size() > 0 ? ", " : "").Add(link->sdl_data, link->sdl_nlen);
    });
    found = found && named;
    if (!found)
      snprintf(why->text, sizeof(why->text), "no interface \"%.24s\"; there is %s", selector.name, seen.get());
    return found;
  }

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
    bool stands_still = false, found = selected_[0] == '\0';
    ForEach(size, [this, any_hardware, &stands_still, &found](const struct if_msghdr2* message) {
      if (selected_[0] != '\0') {
        if (!IsSelected(message)) return;
        found = true;
      } else if (!darwin::IsCounted(HasHardware(message), any_hardware, message->ifm_data.ifi_type)) {
        return;
      }
      stands_still = Count(message) || stands_still;
    });
    traffic_.Report(now, out);
    Failure why;
    if (!found) {
      snprintf(why.text, sizeof(why.text), "interface %s is gone", selected_);
      return SetUnavailable(wanted, why, out);
    }
    if (!stands_still) return;
    why.Set("macOS does not count what an interface receives for this program (Wi-Fi on recent versions)");
    SetUnavailable(wanted & MaskOf(Metric::kNetworkRx), why, out);
  }

  const char* Origin(Metric) const override { return "sysctl NET_RT_IFLIST2"; }

 private:
  // Allocates only when the list is longer than ever before.
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

  static const struct sockaddr_dl* LinkOf(const struct if_msghdr2* message) {
    return reinterpret_cast<const struct sockaddr_dl*>(message + 1);
  }

  bool IsSelected(const struct if_msghdr2* message) const {
    const auto* link = LinkOf(message);
    return link->sdl_nlen == strlen(selected_) && memcmp(link->sdl_data, selected_, link->sdl_nlen) == 0;
  }

  static bool HasHardware(const struct if_msghdr2* message) {
    const auto* link = LinkOf(message);
    return darwin::IsHardwareInterface(link->sdl_data, link->sdl_nlen, message->ifm_data.ifi_type);
  }

  // Adds the counters of one interface. True if the kernel does not count its received bytes.
  bool Count(const struct if_msghdr2* message) {
    Traffic::Interface* interface = traffic_.Find(message->ifm_index);
    // Programs that are not Apple's see only the lower 32 bits, which a fast interface fills in seconds. An interface
    // that restarts gets a new index.
    constexpr uint64_t kMostBetweenReads = uint64_t{1} << 31;
    interface->received.AddNarrow(message->ifm_data.ifi_ibytes, kMostBetweenReads);
    interface->sent.AddNarrow(message->ifm_data.ifi_obytes, kMostBetweenReads);
    interface->errors.AddNarrow(message->ifm_data.ifi_ierrors + message->ifm_data.ifi_oerrors);
    interface->drops.AddNarrow(message->ifm_data.ifi_iqdrops + static_cast<uint64_t>(message->ifm_snd_drops));
    return darwin::StandsStill(interface->received.sum(), interface->sent.sum());
  }

  char selected_[32] = "";  // empty for all interfaces that count
  char* buffer_ = nullptr;
  size_t capacity_ = 0;
  Traffic traffic_;
};

}  // namespace

Probe* MakeNetworkProbe(const Selector& selector, Failure* why) { return OpenProbe<NetworkProbe>(selector, why); }

}  // namespace tripline
