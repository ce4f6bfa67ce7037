// What the generated sources and the program share: the lists of everything that was dialled in.
#pragma once

#include <vector>

using Feed = long (*)(long seed);
using Symbol = int (*)();

const std::vector<Feed>& feeds();
const std::vector<Symbol>& symbols();
