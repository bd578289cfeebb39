// Which network interfaces count: those that carry traffic in and out of the machine, and none whose bytes another
// counted one carries too.
//
// Decided from /sys/class/net/<name>/ (Documentation/ABI/testing/sysfs-class-net): `device` exists if the interface has
// hardware, `lower_<other>` names an interface below it, and `master` names the one that it belongs to.
#pragma once

#include <cstdint>

#include "linux/device.h"
#include "linux/file.h"
#include "linux/parse/counters.h"
#include "util/list.h"

namespace tripline {

// In order of preference: only interfaces of the best rank that is present can count.
enum class InterfaceRank : uint8_t {
  kDevice,   // hardware, or a dial-up interface on a serial line
  kVirtual,  // no hardware, as in most containers
  kTunnel,   // its traffic also passes another interface, unless it is the only one
  kNever,
};

struct Interface {
  uint64_t id = 0;  // not reused for another interface
  char name[kInterfaceNameSize] = "";
  InterfaceRank rank = InterfaceRank::kNever;
  bool counts = false;
  bool leads_to_hosts = false;  // some route through it leads to one host,
  bool leads_on = false;        // and some to more
};

// The folder of net/dev and similar files, in this process's network namespace. A tree of another machine, or of the
// host seen from a container, is read through its first process.
void FindNet(const Roots& roots, Text* net);

class InterfaceRules {
 public:
  // `sys`: the root of sysfs; `net`: the folder that dev is in.
  void SetRoots(const char* sys, const char* net);

  // The properties that do not change while the interface exists.
  InterfaceRank RankOf(const char* name);

  // Sets `counts` of all interfaces. False, with the reason, if it cannot be known which ones count.
  bool Choose(const List<Interface>& all, Failure* why);

 private:
  bool IsCandidate(const Interface& interface) const { return interface.rank == best_; }
  const Interface* FindCandidate(const char* name, const List<Interface>& all) const;
  bool IsCarried(const Interface& interface, const List<Interface>& all);
  bool RestsOnAnother(const char* name, const List<Interface>& all, int depth);
  bool BelongsToAnother(const Interface& interface, const List<Interface>& all);
  bool IsLinkedToAnother(const Interface& interface, const List<Interface>& all);
  bool IsPort(const char* name);
  void LeaveOutPods(const List<Interface>& all);
  uint32_t CountSessions(const List<Interface>& all);
  void SetDevice(const char* name) { device_.SetPath(class_.get(), "/", name); }

  Text class_;
  Text net_;
  Device device_;
  Buffer buffer_;
  InterfaceRank best_ = InterfaceRank::kNever;
};

}  // namespace tripline
