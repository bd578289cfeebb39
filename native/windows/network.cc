// network.rx, network.tx: GetIfTable2, summed over the interfaces that have hardware behind them, so that what passes
// through bridges, tunnels, teams and virtual switches is not counted twice. (The counters of PDH do not say which is
// which.)
#include "port/platform.h"
#include "port/traffic.h"
#include "util/list.h"
#include "windows/convert.h"
#include "windows/families.h"
#include "windows/win.h"

// After <windows.h>, on which they depend, and in this order.
#include <winsock2.h>
#include <ws2ipdef.h>

#include <iphlpapi.h>
#include <netioapi.h>

namespace tripline {
namespace {

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
    interfaces_.clear();
    for (ULONG i = 0; i < table->NumEntries; i++) interfaces_.push_back(ToInterface(table->Table[i]));
    for (ULONG i = 0; i < table->NumEntries; i++) {
      const MIB_IF_ROW2& row = table->Table[i];
      if (!windows::IsCounted(interfaces_.data(), interfaces_.size(), i)) continue;
      Traffic::Interface* known = traffic_.Find(row.InterfaceLuid.Value);
      known->received.Add(row.InOctets);
      known->sent.Add(row.OutOctets);
    }
    free_(table);
    traffic_.Report(now, out);
  }

  const char* Origin(Metric) const override { return "GetIfTable2"; }

 private:
  using GetTable = DWORD(WINAPI*)(MIB_IF_TABLE2**);
  using FreeTable = void(WINAPI*)(void*);

  static windows::Interface ToInterface(const MIB_IF_ROW2& row) {
    const auto& flags = row.InterfaceAndOperStatusFlags;
    return {row.Type, flags.HardwareInterface != 0, flags.FilterInterface != 0,
            windows::ToAddress(row.PermanentPhysicalAddress, row.PhysicalAddressLength), row.InOctets + row.OutOctets};
  }

  const GetTable get_;
  const FreeTable free_;
  List<windows::Interface> interfaces_;
  Traffic traffic_;
};

}  // namespace

Probe* MakeNetworkProbe(Failure*) { return new NetworkProbe(); }

}  // namespace tripline
