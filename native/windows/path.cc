#include "windows/path.h"

namespace tripline {

bool FindVolume(const char* path, Volume* out, Failure* why) {
  wchar_t given[Volume::kSize] = L".";
  if (path[0] != '\0' && MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, given, Volume::kSize) == 0) {
    SetWinError("MultiByteToWideChar", path, GetLastError(), "not a path of Windows, or too long", why);
    return false;
  }
  const DWORD length = GetFullPathNameW(given, Volume::kSize, out->path, nullptr);
  if (length == 0 || length >= Volume::kSize) {
    SetWinError("GetFullPathName", path, GetLastError(), "too long?", why);
    return false;
  }
  // By its drive letter alone: finding mount points goes to the volume, which may be far away.
  const bool has_letter = out->path[1] == L':';
  const wchar_t drive[] = {out->path[0], L':', L'\\', L'\0'};
  const UINT type = has_letter ? GetDriveTypeW(drive) : DRIVE_REMOTE;
  out->local = type == DRIVE_FIXED || type == DRIVE_RAMDISK;
  if (type == DRIVE_NO_ROOT_DIR) {
    SetWinError("GetDriveType", path, ERROR_PATH_NOT_FOUND, "no such drive", why);
    return false;
  }
  return !out->local || FindRoot(path, out, why);
}

bool FindRoot(const char* path, Volume* out, Failure* why) {
  if (GetFileAttributesW(out->path) == INVALID_FILE_ATTRIBUTES) {
    const DWORD error = GetLastError();
    const bool missing = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
    SetWinError("GetFileAttributes", path, error, missing ? "no such path" : "", why);
    return false;
  }
  if (!GetVolumePathNameW(out->path, out->root, Volume::kSize)) {
    SetWinError("GetVolumePathName", path, GetLastError(), "", why);
    out->root[0] = L'\0';
    return false;
  }
  return true;
}

}  // namespace tripline
