/* Flags of splice(2), vmsplice(2) and tee(2): not in the UAPI headers. */
#pragma once

#define SPLICE_F_MOVE 1u
#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_MORE 4u
#define SPLICE_F_GIFT 8u
