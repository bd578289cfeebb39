// Finds the volume of a path. Only the helper thread may touch a server.
#include "windows/path.h"

namespace tripline {
namespace {

constexpr wchar_t kVerbatim[] = L"\\\\?\\";  // prefix for paths of any length, taken literally
constexpr size_t kVerbatimSize = 4;

UINT TypeOfDrive(wchar_t letter) {
  const wchar_t drive[] = {letter, L':', L'\\', L'\0'};
  return GetDriveTypeW(drive);
}

// False with GetLastError().
bool ToWide(const char* text, List<wchar_t>* out) {
  const int size = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, nullptr, 0);
  if (size <= 0) return false;
  *out = List<wchar_t>(static_cast<size_t>(size));
  return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, out->data(), size) == size;
}

bool MakeAbsolute(const List<wchar_t>& given, List<wchar_t>* out) {
  const DWORD size = GetFullPathNameW(given.data(), 0, nullptr, nullptr);
  if (size == 0) return false;
  *out = List<wchar_t>(size);
  const DWORD length = GetFullPathNameW(given.data(), size, out->data(), nullptr);
  return length != 0 && length < size;
}

// System calls accept a path with a drive letter that is longer than MAX_PATH only with this prefix.
List<wchar_t> ToCall(const List<wchar_t>& path) {
  const bool is_long = path.size() >= MAX_PATH && path[1] == L':';
  List<wchar_t> call;
  for (size_t i = 0; is_long && i < kVerbatimSize; i++) call.push_back(kVerbatim[i]);
  for (const wchar_t each : path) call.push_back(each);
  return call;
}

// Whether a step of the path may lead to another volume. A step is examined only after the one above it is known to be
// local, so that no call touches a server.
bool HasDetour(const List<wchar_t>& path) {
  List<wchar_t> step = ToCall(path);
  const size_t drive = step.size() - path.size() + 2;
  for (size_t i = drive + 1; i < step.size(); i++) {
    const wchar_t after = step[i];
    if (after != L'\\' && after != L'\0') continue;
    step[i] = L'\0';
    const DWORD attributes = GetFileAttributesW(step.data());
    step[i] = after;
    if (attributes == INVALID_FILE_ATTRIBUTES) return false;
    if ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0) return true;
  }
  return false;
}

}  // namespace

wchar_t Volume::letter() const {
  if (path.size() < 3 || path[1] != L':') return 0;
  return path[0] >= L'a' && path[0] <= L'z' ? static_cast<wchar_t>(path[0] - 32) : path[0];
}

bool FindVolume(const char* path, Volume* out, Failure* why) {
  List<wchar_t> given;
  if (!ToWide(path[0] == '\0' ? "." : path, &given)) {
    SetWinError("MultiByteToWideChar", path, GetLastError(), "not UTF-8", why);
    return false;
  }
  if (!MakeAbsolute(given, &out->path)) {
    SetWinError("GetFullPathName", path, GetLastError(), "too long, or not a path of Windows", why);
    return false;
  }
  // Judge by the drive letter alone: looking for mount points would access the volume, which may be remote.
  const wchar_t letter = out->letter();
  const bool device = out->path.size() > kVerbatimSize && out->path[0] == L'\\' && out->path[1] == L'\\' &&
                      (out->path[2] == L'?' || out->path[2] == L'.');
  const UINT type = letter != 0 ? TypeOfDrive(letter) : device ? DRIVE_UNKNOWN : DRIVE_REMOTE;
  if (type == DRIVE_NO_ROOT_DIR) {
    SetWinError("GetDriveType", path, ERROR_PATH_NOT_FOUND, "no such drive", why);
    return false;
  }
  const bool fixed = type == DRIVE_FIXED || type == DRIVE_RAMDISK;
  out->place = type == DRIVE_REMOTE             ? Volume::kRemote
               : fixed && !HasDetour(out->path) ? Volume::kLocal
                                                : Volume::kUnknown;
  return out->place != Volume::kLocal || FindRoot(path, out, why);
}

bool FindRoot(const char* path, Volume* out, Failure* why) {
  const List<wchar_t> call = ToCall(out->path);
  if (GetFileAttributesW(call.data()) == INVALID_FILE_ATTRIBUTES) {
    const DWORD error = GetLastError();
    const bool missing = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
    SetWinError("GetFileAttributes", path, error, missing ? "no such path" : "", why);
    return false;
  }
  // A root is never longer than the path plus a trailing backslash.
  List<wchar_t> root(call.size() + 2);
  if (!GetVolumePathNameW(call.data(), root.data(), static_cast<DWORD>(root.size()))) {
    SetWinError("GetVolumePathName", path, GetLastError(), "", why);
    return false;
  }
  const bool verbatim = root[0] == L'\\' && root[1] == L'\\' && root[2] == L'?' && root[kVerbatimSize + 1] == L':';
  if (verbatim) root.erase(root.begin(), root.begin() + kVerbatimSize);
  out->root = static_cast<List<wchar_t>&&>(root);
  return true;
}

bool IsStillThere(const Volume& volume) {
  if (volume.place != Volume::kLocal) return true;
  const UINT type = TypeOfDrive(volume.letter());
  return type == DRIVE_FIXED || type == DRIVE_RAMDISK;
}

}  // namespace tripline
