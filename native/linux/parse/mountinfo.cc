#include "linux/parse/mountinfo.h"

namespace tripline {

namespace {

// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//       maj:min root point options  optional* -  type source super-options
bool ParseMount(Span line, Mount* out) {
  Scanner scan(line.data, line.size);
  uint64_t parent = 0, major = 0, minor = 0;
  if (!scan.Number(&out->id) || !scan.Number(&parent) || !scan.Number(&major) || !scan.Match(":") ||
      !scan.Number(&minor)) {
    return false;
  }
  out->major = static_cast<uint32_t>(major);
  out->minor = static_cast<uint32_t>(minor);
  out->root = scan.Word();
  out->point = scan.Word();
  scan.Word();
  for (;;) {
    const Span word = scan.Word();
    if (word.size == 0) return false;
    if (word.Is("-")) break;
  }
  out->type = scan.Word();
  out->source = scan.Word();
  out->super_options = scan.Word();
  return out->root.size > 0 && out->point.size > 0 && out->type.size > 0;
}

// Removes and returns the first option of a list.
bool NextOption(Span* options, Span* option) {
  if (options->size == 0) return false;
  size_t end = 0;
  while (end < options->size && options->data[end] != ',') end++;
  *option = {options->data, end};
  if (end < options->size) end++;
  *options = {options->data + end, options->size - end};
  return true;
}

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

}  // namespace

bool HasOption(Span options, const char* option) {
  for (Span each; NextOption(&options, &each);) {
    if (each.Is(option)) return true;
  }
  return false;
}

bool FindOption(Span options, const char* name, Span* value) {
  for (Span each; NextOption(&options, &each);) {
    if (!each.StartsWith(name)) continue;
    *value = {each.data + strlen(name), each.size - strlen(name)};
    return true;
  }
  return false;
}

bool NextMount(Scanner* scan, Mount* out) {
  while (!scan->done()) {
    if (ParseMount(scan->Line(), out)) return true;
  }
  return false;
}

bool Unescape(Span text, char* out, size_t size) {
  size_t written = 0;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '\\' && i + 3 < text.size && IsOctal(text.data[i + 1]) && IsOctal(text.data[i + 2]) &&
        IsOctal(text.data[i + 3])) {
      c = static_cast<char>((text.data[i + 1] - '0') * 64 + (text.data[i + 2] - '0') * 8 + (text.data[i + 3] - '0'));
      i += 3;
    }
    if (written + 1 >= size) return false;
    out[written++] = c;
  }
  if (size == 0) return false;
  out[written] = '\0';
  return true;
}

bool IsBeneath(const char* path, const char* prefix) {
  const size_t length = strlen(prefix);
  if (length == 1 && prefix[0] == '/') return path[0] == '/';
  return strncmp(path, prefix, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

}  // namespace tripline
