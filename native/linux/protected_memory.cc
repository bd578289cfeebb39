#include "linux/protected_memory.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "linux/parse/cgroup.h"
#include "port/platform.h"
#include "util/counter.h"

namespace tripline {

namespace {

constexpr uint64_t kSearchPeriod = 5 * kSecond;
constexpr uint64_t kReadPeriod = kSecond;
// With very many groups, the search takes at most a thousandth of a core.
constexpr uint64_t kSearchShare = 1000;
constexpr uint32_t kDeepest = 8;

// The number in a group's file; `otherwise` if it does not have the file.
uint64_t Number(const char* directory, const char* name, uint64_t otherwise, Buffer* buffer) {
  Text path;
  path.Set(directory, name);
  uint64_t value = otherwise;
  if (ReadOnce(path.get(), buffer)) ParseLimit(buffer->data(), buffer->size, &value);
  return value;
}

// The part of memory.min that is in use.
uint64_t ClaimOf(const char* directory, Buffer* buffer) {
  const uint64_t least = Number(directory, "/memory.min", 0, buffer);
  return least == 0 ? 0 : std::min(least, Number(directory, "/memory.current", 0, buffer));
}

// If groups claim more than their parent was given, each gets a proportional share.
uint64_t ShareOf(uint64_t claim, uint64_t claims, uint64_t most) {
  if (claims <= most) return claim;
  return static_cast<uint64_t>(ToDouble(claim) / ToDouble(claims) * ToDouble(most));
}

}  // namespace

void ProtectedMemory::Watch(const char* own, size_t length, bool descendants) {
  own_.Set(own);
  length_ = length;
  descendants_ = descendants;
  search_at_ = 0;
  read_at_ = 0;
}

uint64_t ProtectedMemory::Read(uint64_t now, Buffer* buffer) {
  if (own_.empty()) return 0;
  if (now >= search_at_) {
    const uint64_t begun = ThreadCpuNow();
    Search(buffer);
    search_at_ = now + std::max(kSearchPeriod, (ThreadCpuNow() - begun) * kSearchShare);
    read_at_ = 0;
  }
  if (now < read_at_) return held_;
  read_at_ = now + kReadPeriod;
  held_ = 0;
  for (const auto& group : groups_) {
    held_ = SaturatingSum(held_, HeldBy(group->directory.get(), group->protection, 0, buffer));
  }
  return held_;
}

// Groups directly below the one in which memory is reclaimed get all that they claim. Groups further down our own path
// share the protection of their parent, which may be none.
void ProtectedMemory::Search(Buffer* buffer) {
  groups_.clear();
  uint64_t most = kNoLimit;
  size_t at = length_;
  for (;;) {
    Text directory, next;
    directory.SetPart(own_.get(), at);
    const char* name = own_.get() + at;
    if (*name == '/') name++;
    const size_t size = strcspn(name, "/");
    next.SetPart(name, size);
    AddChildren(directory.get(), next.get(), most, buffer);
    if (size == 0) return;
    at = static_cast<size_t>(name - own_.get()) + size;
    directory.SetPart(own_.get(), at);
    most = std::min(most, ClaimOf(directory.get(), buffer));
    if (most == 0) return;
  }
}

void ProtectedMemory::AddChildren(const char* directory, const char* except, uint64_t most, Buffer* buffer) {
  const size_t first = groups_.size();
  uint64_t claims = 0;
  DirectoryReader names(directory);
  while (const char* name = names.Next()) {
    if (!names.is_directory()) continue;
    Text child;
    child.Set(directory, "/", name);
    const uint64_t claim = ClaimOf(child.get(), buffer);
    claims = SaturatingSum(claims, claim);
    if (claim == 0 || strcmp(name, except) == 0) continue;
    std::unique_ptr<Group> group(new Group());
    group->directory.Set(child.get());
    group->protection = claim;
    groups_.push_back(std::move(group));
  }
  for (size_t i = first; i < groups_.size(); i++) {
    groups_[i]->protection = ShareOf(groups_[i]->protection, claims, most);
  }
}

uint64_t ProtectedMemory::HeldBy(const char* directory, uint64_t protection, uint32_t depth, Buffer* buffer) const {
  const uint64_t usage = Number(directory, "/memory.current", 0, buffer);
  Text path;
  path.Set(directory, "/memory.stat");
  CgroupMemory memory;
  if (!ReadOnce(path.get(), buffer) || !ParseCgroupMemory(buffer->data(), buffer->size, 2, &memory)) return 0;
  // Memory beyond the protection is reclaimed first, from the reclaimable part.
  const uint64_t whole = SaturatingDifference(memory.reclaimable, SaturatingDifference(usage, protection));
  if (descendants_ || depth == kDeepest || whole == 0) return whole;

  // Its descendants are protected only as far as they claim protection themselves.
  uint64_t claims = 0, held = 0;
  bool leaf = true;
  for (const bool adding : {false, true}) {
    DirectoryReader names(directory);
    while (const char* name = names.Next()) {
      if (!names.is_directory()) continue;
      leaf = false;
      path.Set(directory, "/", name);
      const uint64_t claim = ClaimOf(path.get(), buffer);
      if (!adding) {
        claims = SaturatingSum(claims, claim);
      } else if (claim > 0) {
        held = SaturatingSum(held, HeldBy(path.get(), ShareOf(claim, claims, protection), depth + 1, buffer));
      }
    }
    if (leaf) return whole;
  }
  return std::min(held, whole);
}

}  // namespace tripline
