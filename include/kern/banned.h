/* Functions that must not be used, at all. The build forces this header into every kernel file. */
#pragma once

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf alloca gets strtok atoi
