// Parses command lines by the rules of the programs that read them. Written from those rules: it shares no code with
// the writers in windows/command_line.h.
#pragma once

#include <cstring>

#include "util/text.h"

namespace tripline::test {

struct Words {
  static constexpr int kMost = 8, kLongest = 128;
  int count = 0;
  char text[kMost][kLongest] = {};
};

// Parses like CommandLineToArgvW and the C start-up code: 2n backslashes before a quote are n backslashes and a special
// quote; 2n + 1 are n backslashes and a literal quote; two quotes within quotes are one literal quote.
inline Words SplitAsC(const char* line) {
  Words words;
  int size = 0;
  const auto put = [&](char each) { words.text[words.count][size++] = each; };
  // The program name ends at the closing quote or at the first blank.
  bool quoted = false;
  for (; *line != '\0' && (quoted || (*line != ' ' && *line != '\t')); line++) {
    if (*line == '"')
      quoted = !quoted;
    else
      put(*line);
  }
  words.count = 1;
  for (;;) {
    while (*line == ' ' || *line == '\t') line++;
    if (*line == '\0') return words;
    size = 0;
    quoted = false;
    while (*line != '\0' && (quoted || (*line != ' ' && *line != '\t'))) {
      int backslashes = 0;
      while (*line == '\\') backslashes++, line++;
      if (*line != '"') {
        for (int i = 0; i < backslashes; i++) put('\\');
        if (*line == '\0' || (!quoted && (*line == ' ' || *line == '\t'))) break;
        put(*line++);
        continue;
      }
      for (int i = 0; i < backslashes / 2; i++) put('\\');
      if (backslashes % 2 == 1) {
        put('"');
      } else if (quoted && line[1] == '"') {
        put('"');
        line++;
      } else {
        quoted = !quoted;
      }
      line++;
    }
    words.count++;
  }
}

// The first pass of cmd.exe, which expands variables. `%cd:~,%` expands to nothing; any other pair of percent signs
// would name a variable, which means that the writer has failed.
inline bool Expand(const char* line, Text* out) {
  for (; *line != '\0'; line++) {
    if (*line != '%') {
      out->Add(*line);
    } else if (strncmp(line, "%%cd:~,%", 8) == 0) {
      // The first percent sign is not followed by a name and stays; after it comes the empty substring of a variable.
      out->Add('%');
      line += 7;
    } else {
      return false;
    }
  }
  return true;
}

// Whether a character outside of quotes is special to cmd.exe.
inline bool HasNakedSpecial(const char* line) {
  bool quoted = false;
  for (; *line != '\0'; line++) {
    if (*line == '"') quoted = !quoted;
    if (!quoted && strchr("&|<>()^,;=!`'~[]{}", *line) != nullptr) return true;
  }
  return quoted;
}

}  // namespace tripline::test
