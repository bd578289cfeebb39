// sockets: TCP connections over IPv4 and IPv6, without listening sockets.
#include "windows/families.h"
#include "windows/win.h"

// After <windows.h>, on which they depend, and in this order.
#include <winsock2.h>
#include <ws2ipdef.h>

#include <iphlpapi.h>

namespace tripline {
namespace {

class SocketsProbe final : public Probe {
 public:
  void Read(uint64_t, MetricMask wanted, Readings* out) override {
    MIB_TCPSTATS first = {}, second = {};
    const DWORD error = get_ == nullptr ? ERROR_PROC_NOT_FOUND : get_(&first, AF_INET);
    if (error != 0) {
      Failure why;
      SetWinError("GetTcpStatisticsEx", "", error, "", &why);
      return SetUnavailable(wanted, why, out);
    }
    // IPv6 may be disabled.
    if (get_(&second, AF_INET6) != 0) second.dwNumConns = 0;
    out->SetLevel(Metric::kSockets, static_cast<double>(first.dwNumConns) + static_cast<double>(second.dwNumConns));
  }

  const char* Origin(Metric) const override { return "GetTcpStatisticsEx"; }

 private:
  using Get = DWORD(WINAPI*)(MIB_TCPSTATS*, ULONG);
  const Get get_ = FindFunction<Get>(L"iphlpapi.dll", "GetTcpStatisticsEx");
};

}  // namespace

Probe* MakeSocketsProbe(Failure*) { return new SocketsProbe(); }

}  // namespace tripline
