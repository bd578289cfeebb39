#include "linux/ext4.h"

#include <unistd.h>
#include <cstring>

#include "linux/parse/sensor.h"
#include "port/platform.h"

namespace tripline {

void Ext4Watch::Set(const Roots& roots, const Mount& mount, const char* path) {
  TakeOptions(mount);
  path_.Set(path);
  watched_ = mount.type.IsAnyOf("ext4\0ext3\0ext2\0");
  if (!watched_ || mount_ == mount.id) return;
  mount_ = mount.id;
  has_count_ = has_stopped_ = false;
  // The kernel's name of the device, which may differ from the mount's source.
  Text folder;
  SetDeviceFolder(roots, mount, &folder);
  char link[kMaxPath];
  const ssize_t size = readlink(folder.get(), link, sizeof(link) - 1);
  link[size > 0 ? size : 0] = '\0';
  const char* name = strrchr(link, '/');
  if (name == nullptr) name = "/";
  folder.Set(roots.sys.get(), "/fs/ext4", name);
  errors_.SetPath(folder.get(), "/errors_count");
  folder.Set(roots.proc.get(), "/fs/ext4", name);
  options_.SetPath(folder.get(), "/options");
}

bool Ext4Watch::HasStopped(uint64_t now, const Roots& roots) {
  if (watched_ && now >= look_at_) {
    look_at_ = now + kSecond;
    Buffer* buffer = SharedBuffer();
    int64_t count = 0;
    const bool counted = errors_.Read(now, buffer) && ParseInteger(buffer->data(), buffer->size, &count);
    const bool grown = counted && has_count_ && count > count_;
    if (grown) has_stopped_ = has_stopped_ || StopsOnErrors(now, buffer);
    if (grown || !counted) {
      const Mounts mounts(roots);
      Mount mount;
      if (mounts.Find(path_.get(), &mount)) TakeOptions(mount);
    }
    has_count_ = counted;
    count_ = count;
  }
  return has_option_ || has_stopped_;
}

void Ext4Watch::TakeOptions(const Mount& mount) {
  has_option_ = HasOption(mount.super_options, "emergency_ro") || HasOption(mount.super_options, "shutdown");
}

// One option per line, including the file system's own defaults.
bool Ext4Watch::StopsOnErrors(uint64_t now, Buffer* buffer) {
  if (!options_.Read(now, buffer)) return false;
  for (Scanner scan(buffer->data(), buffer->size); !scan.done();) {
    if (scan.Line().Is("errors=remount-ro")) return true;
  }
  return false;
}

}  // namespace tripline
