// network.rx, network.tx: GetIfTable2, summed over the interfaces with hardware behind them, so that traffic through
// bridges, tunnels, teams and virtual switches is not counted twice. The counters of PDH do not distinguish these.
#include <memory>

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

  bool Open(const Selector& selector, Failure* why) {
    if (selector.name[0] == '\0') return true;
    selected_.reset(new Wide(selector.name));
    MIB_IF_TABLE2* table = nullptr;
    const DWORD error = get_ == nullptr || free_ == nullptr ? ERROR_PROC_NOT_FOUND : get_(&table);
    if (error != 0 || table == nullptr) {
      SetWinError("GetIfTable2", "", error, "", why);
      return false;
    }
    bool found = false;
    Message message;
    message.Add("no such interface; there is ");
    for (ULONG i = 0; i < table->NumEntries; i++) {
      found = found || IsSelected(table->Table[i]);
      // Skip interfaces without hardware: most are filters and tunnels.
      if (table->Table[i].InterfaceAndOperStatusFlags.HardwareInterface == 0) continue;
      char name[128] = "";
      WideCharToMultiByte(CP_UTF8, 0, table->Table[i].Alias, -1, name, sizeof(name) - 1, nullptr, nullptr);
      message.Add(name).Add("; ");
    }
    free_(table);
    if (!found) why->Set(message.get());
    return found;
  }

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
    bool found = selected_ == nullptr;
    for (ULONG i = 0; i < table->NumEntries; i++) {
      const MIB_IF_ROW2& row = table->Table[i];
      if (selected_ != nullptr ? !IsSelected(row) : !windows::IsCounted(interfaces_.data(), interfaces_.size(), i)) {
        continue;
      }
      found = true;
      Traffic::Interface* known = traffic_.Find(row.InterfaceLuid.Value);
      known->received.Add(row.InOctets);
      known->sent.Add(row.OutOctets);
      known->errors.Add(row.InErrors + row.OutErrors);
      known->drops.Add(row.InDiscards + row.OutDiscards);
    }
    free_(table);
    traffic_.Report(now, out);
    if (found) return;
    Failure why;
    why.Set("the interface is gone");
    SetUnavailable(wanted, why, out);
  }

  const char* Origin(Metric) const override { return "GetIfTable2"; }

 private:
  using GetTable = DWORD(WINAPI*)(MIB_IF_TABLE2**);
  using FreeTable = void(WINAPI*)(void*);

  bool IsSelected(const MIB_IF_ROW2& row) const { return lstrcmpiW(row.Alias, selected_->get()) == 0; }

  static windows::Interface ToInterface(const MIB_IF_ROW2& row) {
    const auto& flags = row.InterfaceAndOperStatusFlags;
    return {row.Type, flags.HardwareInterface != 0, flags.FilterInterface != 0,
            windows::ToAddress(row.PermanentPhysicalAddress, row.PhysicalAddressLength), row.InOctets + row.OutOctets};
  }

  std::unique_ptr<Wide> selected_;  // the alias; nullptr for all interfaces that count
  const GetTable get_;
  const FreeTable free_;
  List<windows::Interface> interfaces_;
  Traffic traffic_;
};

}  // namespace

Probe* MakeNetworkProbe(const Selector& selector, Failure* why) { return OpenProbe<NetworkProbe>(selector, why); }

}  // namespace tripline
