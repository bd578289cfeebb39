// network.rx, network.tx: GetIfTable2, summed over the interfaces that have hardware behind them, so that what passes
// through bridges, tunnels and virtual switches is not counted twice. (The counters of PDH do not tell which is which.)
#include "convert.h"
#include "counter.h"
#include "families.h"
#include "platform.h"
#include "win.h"
#include <winsock2.h>
#include <ws2ipdef.h>
#include <iphlpapi.h>
#include <netioapi.h>

namespace tripline {
namespace {

constexpr uint32_t kInterfaces = 32;

class NetworkProbe final : public Probe {
 public:
  NetworkProbe()
      : get_(FindFunction<GetTable>(L"iphlpapi.dll", "GetIfTable2")),
        free_(FindFunction<FreeTable>(L"iphlpapi.dll", "FreeMibTable")) {}

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    MIB_IF_TABLE2* table = nullptr;
    const DWORD error = get_ == nullptr || free_ == nullptr ? ERROR_PROC_NOT_FOUND : get_(&table);
    if (error != 0 || table == nullptr) {
      Failure why;
      SetWinError("GetIfTable2", "", error, "", &why);
      SetUnavailable(wanted, why, out);
      return;
    }
    bool any_device = false;
    for (ULONG i = 0; i < table->NumEntries; i++) any_device = any_device || KindOf(table->Table[i]).IsDevice();
    for (ULONG i = 0; i < table->NumEntries; i++) {
      const MIB_IF_ROW2& row = table->Table[i];
      if (!windows::IsCounted(KindOf(row), any_device)) continue;
      Known* known = Find(row.InterfaceLuid.Value);
      if (known == nullptr) continue;
      known->received.Add(row.InOctets);
      known->sent.Add(row.OutOctets);
    }
    free_(table);
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

  const char* Origin(Metric) const override { return "GetIfTable2"; }

 private:
  struct Known {
    uint64_t luid = 0;
    GrowingSum received, sent;
  };
  using GetTable = DWORD(WINAPI*)(MIB_IF_TABLE2**);
  using FreeTable = void(WINAPI*)(void*);

  static windows::InterfaceKind KindOf(const MIB_IF_ROW2& row) {
    const auto& flags = row.InterfaceAndOperStatusFlags;
    return {row.Type, flags.HardwareInterface != 0, flags.FilterInterface != 0};
  }

  Known* Find(uint64_t luid) {
    for (uint32_t i = 0; i < count_; i++) {
      if (known_[i].luid == luid) return &known_[i];
    }
    if (count_ == kInterfaces) return nullptr;
    known_[count_].luid = luid;
    return &known_[count_++];
  }

  const GetTable get_;
  const FreeTable free_;
  Known known_[kInterfaces];
  uint32_t count_ = 0;
  uint64_t at_ = 0;
  double seconds_ = 0;
};

}  // namespace

Probe* MakeNetworkProbe(Failure*) { return new NetworkProbe(); }

}  // namespace tripline
