// Everything the kernels include, ahead of a switch of processor level (see kernels.h).
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "level.h"
