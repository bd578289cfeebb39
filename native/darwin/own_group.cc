#include "own_group.h"

#include <pthread.h>
#include <sys/mman.h>

#include "people.h"

namespace tripline {

namespace {

// More commands than these at a time are counted by their descendants alone.
constexpr uint32_t kMostPublished = 64;
struct Published {
  int64_t root;
  const darwin::Family* family;
} published[kMostPublished];
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

}  // namespace

bool OwnGroup::Make(const char*) {
  family_ = static_cast<darwin::Family*>(darwin::Reserve(sizeof(darwin::Family), true));
  return family_ != nullptr;
}

void OwnGroup::Publish(int64_t root) {
  pthread_mutex_lock(&lock);
  for (uint32_t i = 0; i < kMostPublished; i++) {
    if (published[i].family != nullptr) continue;
    published[i] = {root, family_};
    break;
  }
  pthread_mutex_unlock(&lock);
}

void OwnGroup::Release() {
  if (family_ == nullptr) return;
  pthread_mutex_lock(&lock);
  for (Published& each : published) {
    if (each.family == family_) each = {0, nullptr};
  }
  munmap(family_, sizeof(darwin::Family));
  family_ = nullptr;
  pthread_mutex_unlock(&lock);
}

int32_t OwnGroup::CopyMembers(int64_t root, darwin::Member* into, uint32_t room) {
  int32_t copied = -1;
  pthread_mutex_lock(&lock);
  for (const Published& each : published) {
    if (each.root != root || each.family == nullptr) continue;
    copied = 0;
    const uint32_t count = each.family->count();
    for (uint32_t i = 0; i < count && static_cast<uint32_t>(copied) < room; i++) {
      const darwin::Member member = (*each.family)[i];
      if (darwin::Family::IsAlive(member)) into[copied++] = member;
    }
  }
  pthread_mutex_unlock(&lock);
  return copied;
}

}  // namespace tripline
