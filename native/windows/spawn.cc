// Not there yet: this system's way is job objects.
#include "../spawn.h"

namespace tripline {

Command* Command::Start(const SpawnSpec&, SpawnFailure* why) {
  why->kind = SpawnFailure::kUnsupported;
  why->why.Set("running commands under limits is not there yet on Windows: it needs job objects");
  return nullptr;
}

bool IsCommandRoot(int64_t) { return false; }

void ReapAdopted() {}

}  // namespace tripline
