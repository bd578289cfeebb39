// Starts the stand-in when an addon that contains it is loaded; in the unit tests their first test does.
#include "../stand_in.h"

namespace stand_in {

const struct Beginning {
  Beginning() { Begin(); }
} kBeginning;

}  // namespace stand_in
