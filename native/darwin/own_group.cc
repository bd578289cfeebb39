#include "darwin/own_group.h"

#include <sys/mman.h>
#include <unistd.h>

#include "darwin/people.h"

namespace tripline {

namespace {

// More commands than these at a time are counted by their descendants alone.
constexpr uint32_t kMostPublished = 64;
struct Published {
  int64_t root;
  const darwin::Family* family;
} published[kMostPublished];

// Held for a moment, and hardly ever by two: a mutex would be the only initialized data of the binary, a page of it.
bool held;

class Hold {
 public:
  Hold() {
    while (__atomic_test_and_set(&held, __ATOMIC_ACQUIRE)) usleep(50);
  }
  ~Hold() { __atomic_clear(&held, __ATOMIC_RELEASE); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
};

}  // namespace

bool OwnGroup::Make(uint64_t) {
  family_ = static_cast<darwin::Family*>(darwin::Reserve(sizeof(darwin::Family), true));
  return family_ != nullptr;
}

void OwnGroup::Publish(int64_t root) {
  const Hold hold;
  for (uint32_t i = 0; i < kMostPublished; i++) {
    if (published[i].family != nullptr) continue;
    published[i] = {root, family_};
    break;
  }
}

void OwnGroup::Release() {
  if (family_ == nullptr) return;
  const Hold hold;
  for (Published& each : published) {
    if (each.family == family_) each = {0, nullptr};
  }
  munmap(family_, sizeof(darwin::Family));
  family_ = nullptr;
}

int32_t OwnGroup::CopyMembers(int64_t root, darwin::Member* into, uint32_t room) {
  int32_t copied = -1;
  const Hold hold;
  for (const Published& each : published) {
    if (each.root != root || each.family == nullptr) continue;
    copied = 0;
    const uint32_t count = each.family->count();
    for (uint32_t i = 0; i < count && static_cast<uint32_t>(copied) < room; i++) {
      const darwin::Member member = (*each.family)[i];
      if (darwin::Family::IsAlive(member)) into[copied++] = member;
    }
  }
  return copied;
}

}  // namespace tripline
