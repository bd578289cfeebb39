// Which network interfaces count: those that carry what goes in and out, and none whose bytes another one carries too.
//
// It follows from /sys/class/net/<name>/ (Documentation/ABI/testing/sysfs-class-net): `device` is there where hardware
// is behind an interface, `lower_<other>` names what it rests on, `master` what it belongs to.
#pragma once

#include <cstdint>

#include "linux/device.h"
#include "linux/file.h"
#include "linux/parse/counters.h"
#include "util/list.h"

namespace tripline {

// In this order of preference: only interfaces of the best rank that there is can count.
enum class InterfaceRank : uint8_t {
  kDevice,   // hardware, or what dials through a serial line
  kVirtual,  // no hardware, as in most containers
  kTunnel,   // what passes it passes another interface once more, unless it is all that there is
  kNever,
};

struct Interface {
  uint64_t id = 0;  // not used again for another one
  char name[kInterfaceNameSize] = "";
  InterfaceRank rank = InterfaceRank::kNever;
  bool counts = false;
};

// The folder of net/dev and the like: of this process's namespace. A tree of another machine, or of the host seen from
// a container, is seen through its first process.
void FindNet(const Roots& roots, Text* net);

class InterfaceRules {
 public:
  // `sys`: the root of sysfs; `net`: the folder that dev is in.
  void SetRoots(const char* sys, const char* net);

  // What stays the same as long as the interface is there.
  InterfaceRank RankOf(const char* name);

  // Sets `counts` of all. False, with the reason, where it cannot be known which ones count.
  bool Choose(const List<Interface>& all, Failure* why);

 private:
  bool IsCandidate(const Interface& interface) const { return interface.rank == best_; }
  const Interface* FindCandidate(const char* name, const List<Interface>& all) const;
  bool IsCarried(const Interface& interface, const List<Interface>& all);
  bool RestsOnAnother(const char* name, const List<Interface>& all, int depth);
  bool BelongsToAnother(const Interface& interface, const List<Interface>& all);
  bool IsLinkedToAnother(const Interface& interface, const List<Interface>& all);
  bool IsPort(const char* name);
  uint32_t CountSessions(const List<Interface>& all);
  void SetDevice(const char* name) { device_.SetPath(class_.get(), "/", name); }

  Text class_;
  Text net_;
  Device device_;
  Buffer buffer_;
  InterfaceRank best_ = InterfaceRank::kNever;
};

}  // namespace tripline
