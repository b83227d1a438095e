#pragma once

#define CHAR_BIT 8
#define INT_MAX __INT_MAX__
#define UINT_MAX (INT_MAX * 2u + 1u)
