#include "linux/interfaces.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "linux/parse/ppp.h"
#include "linux/parse/route.h"
#include "linux/parse/sensor.h"

namespace tripline {

namespace {

// Numbers of include/uapi/linux/if_arp.h, as `type` has them.
enum LinkType : int64_t {
  kInfiniband = 32,
  kIpTunnel = 768,
  kIp6Tunnel = 769,
  kLoopback = 772,
  kSit = 776,
  kIpGre = 778,
  kMonitor = 801,
  kLastMonitor = 803,
  kIp6Gre = 823,
  kNone = 65534,  // tun, wireguard
};

constexpr uint64_t kNoArp = 0x80;  // IFF_NOARP
constexpr int kDeepest = 8;        // the kernel's own limit on stacked interfaces
constexpr const char* kLower = "lower_";

bool StartsWith(const char* text, const char* start) { return strncmp(text, start, strlen(start)) == 0; }

bool IsDialed(const char* name) { return StartsWith(name, "ppp"); }

// The host's end of a function of a network card ("pf0vf1", "c1pf0sf2"), whose frames pass a port ("p0").
bool IsRepresentor(Span port) {
  const bool of_controller = port.size > 1 && port.data[0] == 'c' && port.data[1] >= '0' && port.data[1] <= '9';
  return of_controller || port.StartsWith("pf");
}

bool IsTunnelType(int64_t type) {
  return type == kNone || type == kIpTunnel || type == kIp6Tunnel || type == kSit || type == kIpGre || type == kIp6Gre;
}

}  // namespace

void FindNet(const Roots& roots, Text* net) {
  net->Set(roots.proc.get(), "/1/net");
  Text file;
  file.Set(net->get(), "/dev");
  if (!roots.other_proc || access(file.get(), R_OK) != 0) net->Set(roots.proc.get(), "/net");
}

void InterfaceRules::SetRoots(const char* sys, const char* net) {
  class_.Set(sys, "/class/net");
  net_.Set(net);
}

InterfaceRank InterfaceRules::RankOf(const char* name) {
  if (strcmp(name, "lo") == 0) return InterfaceRank::kNever;
  // It receives a copy of another interface's traffic.
  if (StartsWith(name, "ifb")) return InterfaceRank::kTunnel;
  SetDevice(name);
  int64_t type = 0;
  if (!device_.ReadInteger("type", &type)) type = 0;
  if (type == kLoopback) return InterfaceRank::kNever;
  // It receives the same as the station interface next to it, and much that is for other stations.
  if (type >= kMonitor && type <= kLastMonitor) return InterfaceRank::kNever;
  if (device_.Has("device")) {
    Span port;
    return device_.ReadLine("phys_port_name", &port) && IsRepresentor(port) ? InterfaceRank::kVirtual
                                                                            : InterfaceRank::kDevice;
  }
  // A dial-up interface has no device of its own.
  if (IsDialed(name) || StartsWith(name, "wwan")) return InterfaceRank::kDevice;
  // One that is linked to no interface at all is a tunnel that looks like Ethernet (gretap).
  int64_t link = 1;
  if (IsTunnelType(type) || device_.Has("tun_flags") || (device_.ReadInteger("iflink", &link) && link == 0)) {
    return InterfaceRank::kTunnel;
  }
  Span line;
  // A dummy leads nowhere. It neither resolves addresses nor is it linked to another interface, as an ipvlan is.
  uint64_t flags = 0;
  int64_t own = 0;
  if (device_.ReadLine("flags", &line) && ParseHex(line.data, line.size, &flags) && (flags & kNoArp) != 0 &&
      device_.ReadInteger("ifindex", &own) && own == link) {
    return InterfaceRank::kNever;
  }
  if (!device_.ReadLine("uevent", &line)) return InterfaceRank::kVirtual;
  const bool tunnel = line.Is("DEVTYPE=vxlan") || line.Is("DEVTYPE=geneve") || line.Is("DEVTYPE=wireguard");
  return tunnel ? InterfaceRank::kTunnel : InterfaceRank::kVirtual;
}

bool InterfaceRules::Choose(const List<Interface>& all, Failure* why) {
  best_ = InterfaceRank::kNever;
  for (const Interface& interface : all) {
    if (interface.rank < best_) best_ = interface.rank;
  }
  uint32_t dialed = 0;
  bool others = false;  // than ports of bridges
  for (Interface& interface : all) {
    interface.counts = best_ != InterfaceRank::kNever && IsCandidate(interface) && !IsCarried(interface, all);
    if (!interface.counts) continue;
    if (IsDialed(interface.name)) dialed++;
    others = others || best_ == InterfaceRank::kDevice || !IsPort(interface.name);
  }
  if (best_ != InterfaceRank::kDevice) {
    // The ports of a bridge lead to containers inside this one, unless there is no other way out.
    for (Interface& interface : all) interface.counts = interface.counts && !(others && IsPort(interface.name));
    if (best_ == InterfaceRank::kVirtual) LeaveOutPods(all);
    return true;
  }
  const uint32_t sessions = dialed > 0 ? CountSessions(all) : 0;
  if (sessions == 0) return true;
  if (sessions < dialed) {
    why->Set("which ppp interfaces go through another interface that counts cannot be known");
    return false;
  }
  for (Interface& interface : all) interface.counts = interface.counts && !IsDialed(interface.name);
  return true;
}

// Inside a container that runs containers, their links look like its own. Where no bridge joins them, each has a route
// to the one host at its end, and the way out has the default route.
void InterfaceRules::LeaveOutPods(const List<Interface>& all) {
  File routes;
  routes.SetPath(net_.get(), "/route");
  if (!routes.ReadPieces(1, &buffer_)) return;
  for (Interface& interface : all) interface.leads_to_hosts = interface.leads_on = false;
  bool has_way_out = false;
  Route route;
  for (Scanner scan(buffer_.data(), buffer_.size); NextRoute(&scan, &route);) {
    for (Interface& interface : all) {
      if (!route.interface.Is(interface.name)) continue;
      (route.to_one_host ? interface.leads_to_hosts : interface.leads_on) = true;
      has_way_out = has_way_out || (route.is_default && interface.counts);
    }
  }
  for (Interface& interface : all) {
    const bool pod = has_way_out && interface.leads_to_hosts && !interface.leads_on;
    interface.counts = interface.counts && !pod;
  }
}

const Interface* InterfaceRules::FindCandidate(const char* name, const List<Interface>& all) const {
  for (const Interface& interface : all) {
    if (IsCandidate(interface) && strcmp(interface.name, name) == 0) return &interface;
  }
  return nullptr;
}

// Whether another candidate also carries its bytes.
bool InterfaceRules::IsCarried(const Interface& interface, const List<Interface>& all) {
  if (RestsOnAnother(interface.name, all, 0)) return true;
  return best_ == InterfaceRank::kDevice && (BelongsToAnother(interface, all) || IsLinkedToAnother(interface, all));
}

// A VLAN, a bond, a bridge, or the port of a switch whose frames pass a conduit (DSA); also through others in between.
bool InterfaceRules::RestsOnAnother(const char* name, const List<Interface>& all, int depth) {
  if (depth == kDeepest) return false;
  Text folder;
  folder.Set(class_.get(), "/", name);
  DirectoryReader names(folder.get());
  while (const char* entry = names.Next()) {
    if (!StartsWith(entry, kLower)) continue;
    const char* lower = entry + strlen(kLower);
    const Interface* candidate = FindCandidate(lower, all);
    // If both interfaces have hardware, the lower one may belong to the upper one, which counts for both.
    if (candidate != nullptr && best_ == InterfaceRank::kDevice && BelongsToAnother(*candidate, all)) continue;
    if (candidate != nullptr || RestsOnAnother(lower, all, depth + 1)) return true;
  }
  return false;
}

// A virtual function below its synthetic interface (netvsc, net_failover): both have hardware, and the upper one counts
// what passes through either. A bond has none and is no candidate.
bool InterfaceRules::BelongsToAnother(const Interface& interface, const List<Interface>& all) {
  SetDevice(interface.name);
  if (!device_.Has("master")) return false;
  char lower[32];
  snprintf(lower, sizeof(lower), "%s%s", kLower, interface.name);
  for (const Interface& other : all) {
    if (!IsCandidate(other) || &other == &interface) continue;
    SetDevice(other.name);
    if (device_.Has(lower)) return true;
  }
  return false;
}

// Ports of a switch, in kernels that do not link them to their conduit in another way. Other types than Ethernet
// (InfiniBand) use the number for a parent that does not carry their traffic.
bool InterfaceRules::IsLinkedToAnother(const Interface& interface, const List<Interface>& all) {
  SetDevice(interface.name);
  int64_t type = 0, own = 0, link = 0, number = 0;
  if (device_.ReadInteger("type", &type) && type == kInfiniband) return false;
  if (!device_.ReadInteger("ifindex", &own) || !device_.ReadInteger("iflink", &link) || own == link) return false;
  for (const Interface& other : all) {
    SetDevice(other.name);
    if (IsCandidate(other) && device_.ReadInteger("ifindex", &number) && number == link) return true;
  }
  return false;
}

bool InterfaceRules::IsPort(const char* name) {
  SetDevice(name);
  return device_.Has("brport");
}

// PPPoE sessions, and PPP over L2TP sessions, whose bytes a candidate carries.
uint32_t InterfaceRules::CountSessions(const List<Interface>& all) {
  uint32_t sessions = 0;
  File pppoe, l2tp;
  pppoe.SetPath(net_.get(), "/pppoe");
  if (pppoe.ReadPieces(1, &buffer_)) {
    Span device;
    for (Scanner scan(buffer_.data(), buffer_.size); NextPppoeDevice(&scan, &device);) {
      char name[kInterfaceNameSize] = "";
      if (device.size >= sizeof(name)) continue;
      memcpy(name, device.data, device.size);
      if (FindCandidate(name, all) != nullptr || RestsOnAnother(name, all, 0)) sessions++;
    }
  }
  l2tp.SetPath(net_.get(), "/pppol2tp");
  if (l2tp.ReadPieces(1, &buffer_)) sessions += CountL2tpSessions(buffer_.data(), buffer_.size);
  return sessions;
}

}  // namespace tripline
