/* Functions that must not be used, at all. Included by <kern/string.h> in the kernel. */
#pragma once

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf alloca gets strtok atoi
