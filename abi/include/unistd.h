/* linux/shm.h asks for it without needing it. */
#pragma once
