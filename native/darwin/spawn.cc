// Not there yet: this system's way is the process list and kqueue's NOTE_EXIT.
#include "../spawn.h"

namespace tripline {

Command* Command::Start(const SpawnSpec&, SpawnFailure* why) {
  why->kind = SpawnFailure::kUnsupported;
  why->why.Set("running commands under limits is not there yet on macOS: it needs the process list and kqueue's NOTE_EXIT");
  return nullptr;
}

bool IsCommandRoot(int64_t) { return false; }

void ReapAdopted() {}

}  // namespace tripline
