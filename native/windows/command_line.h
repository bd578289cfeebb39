// Builds what a Windows program receives instead of lists: one line of arguments and one block of variables. Pure, and
// over UTF-8: all special characters are ASCII. test/native/windows_command_line_test.cc parses the results again.
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

// Quotes an argument so that CommandLineToArgvW and the C start-up code restore it: backslashes are special only before
// a quote.
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

// The program name is parsed by other rules, which have no escape for a quote; no file name contains one.
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

// Whether the system would pass the file to cmd.exe, which parses the whole line by rules of its own. Trailing dots and
// blanks of a name are ignored, as Windows does.
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

// Within quotes only two characters are special to cmd.exe. A quote is doubled. A percent sign is preceded by an empty
// substring of a variable that always exists, so that cmd.exe does not take what follows for a variable name.
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

// Adds the line for cmd.exe, with extensions on, delayed expansion off, and AutoRun commands of the registry skipped.
// False if an argument contains a line break, at which cmd.exe would end its line.
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

// The length of a variable's name. The hidden variables with the current folders of drives begin with "=" themselves.
inline size_t NameSize(const char* variable) {
  const char* end = variable[0] == '\0' ? nullptr : strchr(variable + 1, '=');
  return end == nullptr ? strlen(variable) : static_cast<size_t>(end - variable);
}

// Compares names, ignoring the case of ASCII letters; negative, 0 or positive.
inline int CompareNames(const char* a, const char* b) {
  const size_t a_size = NameSize(a), b_size = NameSize(b);
  for (size_t i = 0; i < a_size && i < b_size; i++) {
    const int difference = static_cast<unsigned char>(ToUpper(a[i])) - static_cast<unsigned char>(ToUpper(b[i]));
    if (difference != 0) return difference;
  }
  return a_size == b_size ? 0 : a_size < b_size ? -1 : 1;
}

// Adds the variables sorted by name, as Windows requires, each followed by a NUL, and one more NUL at the end. Of
// several names that differ only in case, the first is kept.
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
  // A block without variables ends with two NULs as well.
  if (kept == 0) out->Add('\0');
  out->Add('\0');
  free(sorted);
}

}  // namespace windows
}  // namespace tripline
