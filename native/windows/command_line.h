// What a program of Windows gets instead of lists: one line of arguments, one block of variables. Pure, and on UTF-8:
// all that is special in either is ASCII. test/native/windows_command_line_test.cc takes them apart again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "util/text.h"

namespace tripline {
namespace windows {

inline char ToUpper(char each) { return each >= 'a' && each <= 'z' ? static_cast<char>(each - 32) : each; }

// ---- arguments ------------------------------------------------------------------------------------------------------

// So that CommandLineToArgvW and the start-up code of C give the argument back: backslashes count only before a quote.
inline void AddArgument(const char* argument, Text* out) {
  if (argument[0] != '\0' && strpbrk(argument, " \t\n\v\"") == nullptr) return out->Add(argument);
  size_t backslashes = 0;
  out->Add('"');
  for (; *argument != '\0'; argument++) {
    if (*argument == '"') out->Add('\\', backslashes + 1);
    backslashes = *argument == '\\' ? backslashes + 1 : 0;
    out->Add(*argument);
  }
  out->Add('\\', backslashes);
  out->Add('"');
}

// The first is read by other rules, in which nothing can stand for a quote: no name of a file has one.
inline void AddProgram(const char* name, Text* out) {
  out->Add('"');
  for (; *name != '\0'; name++) {
    if (*name != '"') out->Add(*name);
  }
  out->Add('"');
}

inline void AddCommand(const char* const* arguments, Text* out) {
  AddProgram(arguments[0], out);
  for (arguments++; *arguments != nullptr; arguments++) {
    out->Add(' ');
    AddArgument(*arguments, out);
  }
}

// ---- batch files ----------------------------------------------------------------------------------------------------

// Whether the system would give it to cmd.exe, which reads the whole line by rules of its own. Dots and blanks at the
// end of a name mean nothing.
inline bool IsBatchFile(const char* file) {
  size_t size = strlen(file);
  while (size > 0 && (file[size - 1] == '.' || file[size - 1] == ' ')) size--;
  if (size < 4 || file[size - 4] != '.') return false;
  char ending[4] = {};
  for (size_t i = 0; i < 3; i++) ending[i] = ToUpper(file[size - 3 + i]);
  return strcmp(ending, "BAT") == 0 || strcmp(ending, "CMD") == 0;
}

inline bool IsPlainInCmd(char each) {
  const char upper = ToUpper(each);
  return (upper >= 'A' && upper <= 'Z') || (each >= '0' && each <= '9') || strchr("#$*+-./:?@\\_", each) != nullptr;
}

// Within quotes cmd.exe minds two things: a quote, which ends them for the length of nothing when there are two, and a
// percent sign, before which a substring of no length of a variable that is always there keeps it from finding a name.
inline void AddQuotedForCmd(const char* text, Text* out) {
  size_t backslashes = 0;
  out->Add('"');
  for (; *text != '\0'; text++) {
    if (*text == '"') out->Add('\\', backslashes);
    if (*text == '"') out->Add('"');
    if (*text == '%') out->Add("%%cd:~,");
    backslashes = *text == '\\' ? backslashes + 1 : 0;
    out->Add(*text);
  }
  out->Add('\\', backslashes);
  out->Add('"');
}

// The line for cmd.exe, with extensions, without delayed expansion and without what the registry wants run first. False
// where an argument cannot be given: cmd.exe ends its line at the first line break.
inline bool AddBatchCommand(const char* file, const char* const* arguments, Text* out) {
  out->Add("cmd.exe /d /e:ON /v:OFF /c \"");
  AddQuotedForCmd(file, out);
  for (arguments++; *arguments != nullptr; arguments++) {
    const char* each = *arguments;
    if (strpbrk(each, "\r\n") != nullptr) return false;
    out->Add(' ');
    bool plain = each[0] != '\0' && each[strlen(each) - 1] != '\\';
    for (const char* at = each; *at != '\0'; at++) plain = plain && IsPlainInCmd(*at);
    if (plain)
      out->Add(each);
    else
      AddQuotedForCmd(each, out);
  }
  out->Add('"');
  return true;
}

// ---- variables ------------------------------------------------------------------------------------------------------

// Where the name ends. The hidden ones of the drives' folders begin with "=" themselves.
inline size_t NameSize(const char* variable) {
  const char* end = variable[0] == '\0' ? nullptr : strchr(variable + 1, '=');
  return end == nullptr ? strlen(variable) : static_cast<size_t>(end - variable);
}

// Negative, 0 or positive, without regard to the case of ASCII letters.
inline int CompareNames(const char* a, const char* b) {
  const size_t a_size = NameSize(a), b_size = NameSize(b);
  for (size_t i = 0; i < a_size && i < b_size; i++) {
    const int difference = static_cast<unsigned char>(ToUpper(a[i])) - static_cast<unsigned char>(ToUpper(b[i]));
    if (difference != 0) return difference;
  }
  return a_size == b_size ? 0 : a_size < b_size ? -1 : 1;
}

// Names in order, as Windows wants them, each with a NUL behind it, and one more at the end. Of several that differ
// only in case the first stays.
inline void AddEnvironment(const char* const* variables, Text* out) {
  size_t count = 0;
  while (variables[count] != nullptr) count++;
  auto** sorted = static_cast<const char**>(malloc((count + 1) * sizeof(char*)));
  if (sorted == nullptr) abort();
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (variables[i][0] == '\0') continue;
    size_t place = kept;
    while (place > 0 && CompareNames(sorted[place - 1], variables[i]) > 0) place--;
    if (place > 0 && CompareNames(sorted[place - 1], variables[i]) == 0) continue;
    memmove(sorted + place + 1, sorted + place, (kept - place) * sizeof(char*));
    sorted[place] = variables[i];
    kept++;
  }
  for (size_t i = 0; i < kept; i++) {
    out->Add(sorted[i]);
    out->Add('\0');
  }
  // Also a block without variables ends with two.
  if (kept == 0) out->Add('\0');
  out->Add('\0');
  free(sorted);
}

}  // namespace windows
}  // namespace tripline
