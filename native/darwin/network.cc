// network.rx, network.tx: sysctl NET_RT_IFLIST2, summed over the interfaces with hardware behind them.
#include <errno.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include "convert.h"
#include "counter.h"
#include "families.h"
#include "platform.h"

namespace tripline {
namespace {

constexpr uint32_t kInterfaces = 32;

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
    for (size_t at = 0; at + sizeof(struct if_msghdr) <= size;) {
      const auto* header = reinterpret_cast<const struct if_msghdr*>(buffer_ + at);
      if (header->ifm_msglen == 0) break;
      if (header->ifm_type == RTM_IFINFO2 && at + sizeof(struct if_msghdr2) + sizeof(struct sockaddr_dl) <= size) {
        Count(reinterpret_cast<const struct if_msghdr2*>(buffer_ + at));
      }
      at += header->ifm_msglen;
    }
    if (at_ != 0 && now > at_) seconds_ += static_cast<double>(now - at_) / 1e9;
    at_ = now;
    double received = 0, sent = 0;
    for (uint32_t i = 0; i < count_; i++) {
      received += known_[i].received.sum();
      sent += known_[i].sent.sum();
    }
    SetPair(Metric::kNetworkRx, received, seconds_, out);
    SetPair(Metric::kNetworkTx, sent, seconds_, out);
  }

  const char* Origin(Metric) const override { return "sysctl NET_RT_IFLIST2"; }

 private:
  struct Known {
    uint16_t index = 0;
    GrowingSum received, sent;
  };

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

  void Count(const struct if_msghdr2* message) {
    const auto* link = reinterpret_cast<const struct sockaddr_dl*>(message + 1);
    if (!darwin::IsHardwareInterface(link->sdl_data, link->sdl_nlen, message->ifm_data.ifi_type)) return;
    Known* known = nullptr;
    for (uint32_t i = 0; i < count_ && known == nullptr; i++) {
      if (known_[i].index == message->ifm_index) known = &known_[i];
    }
    if (known == nullptr) {
      if (count_ == kInterfaces) return;
      known = &known_[count_++];
      known->index = message->ifm_index;
    }
    // Programs that are not Apple's get the lower 32 bits.
    known->received.AddNarrow(message->ifm_data.ifi_ibytes);
    known->sent.AddNarrow(message->ifm_data.ifi_obytes);
  }

  char* buffer_ = nullptr;
  size_t capacity_ = 0;
  Known known_[kInterfaces];
  uint32_t count_ = 0;
  uint64_t at_ = 0;
  double seconds_ = 0;
};

}  // namespace

Probe* MakeNetworkProbe(Failure*) { return new NetworkProbe(); }

}  // namespace tripline
