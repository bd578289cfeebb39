#include "linux/group_swap.h"

#include "linux/parse/cgroup.h"
#include "port/platform.h"
#include "util/counter.h"

namespace tripline {
namespace {

constexpr uint64_t kLimitsPeriod = kSecond;

// False with `why` if it cannot be read. A missing file means no limit: the controller is off, or the kernel does not
// account for swap.
bool ReadLimit(uint64_t now, File* file, uint64_t* limit, Failure* why) {
  Buffer* buffer = SharedBuffer();
  *limit = kNoLimit;
  if (file->Read(now, buffer)) {
    const bool known = ParseLimit(buffer->data(), buffer->size, limit);
    if (!known) file->Explain("", why);
    if (*limit >= kUnlimited) *limit = kNoLimit;
    return known;
  }
  if (IsMissing(file->error())) return true;
  file->Explain("so the limit of swap is unknown", why);
  return false;
}

}  // namespace

void GroupSwap::FindLevels(Buffer* buffer) {
  levels_.clear();
  limits_at_ = 0;
  if (place_.version() == 0) return;
  const bool first = place_.version() == 1;
  size_t size = place_.size();
  Text group;
  do {
    group.SetPart(place_.path(), size);
    levels_.push_back(std::unique_ptr<Level>(new Level()));
    Level& level = *levels_.back();
    level.used.SetPath(group.get(), first ? "/memory.stat" : "/memory.swap.current");
    level.file.SetPath(group.get(), first ? "/memory.memsw.limit_in_bytes" : "/memory.swap.max");
    if (first) level.memory.SetPath(group.get(), "/memory.limit_in_bytes");
    if (!place_.Parent(&size)) return;
    group.SetPart(place_.path(), size);
  } while (!first || CountsChildren(group.get(), buffer));
}

bool GroupSwap::FindLimits(uint64_t now, Failure* why) {
  if (limits_at_ != 0 && now - limits_at_ < kLimitsPeriod) return true;
  limits_at_ = 0;
  least_ = 0;
  for (const auto& level : levels_) {
    uint64_t memory = 0;
    if (!ReadLimit(now, &level->file, &level->limit, why)) return false;
    if (level->limit == kNoLimit) continue;
    if (place_.version() == 1 && !ReadLimit(now, &level->memory, &memory, why)) return false;
    level->limit = SaturatingDifference(level->limit, memory);
    if (level->limit > 0 && (least_ == 0 || level->limit < least_)) least_ = level->limit;
  }
  limits_at_ = now;
  return true;
}

bool GroupSwap::Judge(uint64_t now, Level* level, Failure* why) {
  Buffer* buffer = SharedBuffer();
  constexpr Key kKey = {"total_swap "};
  uint64_t used = 0;
  if (!level->used.Read(now, buffer)) {
    // The group was removed, or this process has left it; the next read looks for the group again.
    place_.Forget();
    level->used.Explain("so what is used of a limit of swap is unknown", why);
    return false;
  }
  const bool known = place_.version() == 1 ? ReadKeys(buffer->data(), buffer->size, &kKey, 1, 1, &used) != 0
                                           : ParseCount(buffer->data(), buffer->size, &used);
  if (!known) level->used.Explain("", why);
  if (!known || used == 0) return known;
  const double share = used < level->limit ? 100 * ToDouble(used) / ToDouble(level->limit) : 100;
  if (share <= share_) return true;
  share_ = share;
  fullest_ = level;
  return true;
}

bool GroupSwap::Read(uint64_t now, const Roots& roots, Failure* why) {
  if (place_.Update(now, roots, "memory", SharedBuffer())) FindLevels(SharedBuffer());
  share_ = 0;
  fullest_ = nullptr;
  if (place_.unknown()) {
    place_.Explain(why);
    return false;
  }
  if (!FindLimits(now, why)) return false;
  for (const auto& level : levels_) {
    if (level->limit != kNoLimit && !Judge(now, level.get(), why)) return false;
  }
  return true;
}

}  // namespace tripline
