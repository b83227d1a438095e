/* Memory and string functions: the prototypes are in <kern/string.h>, for everybody. */
#pragma once

#include <kern/string.h>
