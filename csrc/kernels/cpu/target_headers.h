// Everything the kernels include, ahead of a switch of processor level (see target_kernels-inl.h).
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "target.h"
