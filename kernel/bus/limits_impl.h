/* SPDX-License-Identifier: BSD-2-Clause */
/* How much of everything there may be: part of the ABI. Pure. */
#pragma once

#define BUS_COMMAND_MAX 32768u	  /* bytes of a command, of a message's head and items */
#define BUS_VEC_TOTAL_MAX (2u << 20) /* bytes of KDBUS_ITEM_PAYLOAD_VEC in one message */
#define BUS_MEMFDS_MAX 16u	  /* in one message */
#define BUS_USER_FDS_MAX 16u	  /* of one user, not received yet, for each connection */
#define BUS_USER_MESSAGES_MAX 256u /* the same of messages */
#define BUS_REQUESTS_MAX 128u	  /* calls without an answer of one connection */
#define BUS_USER_CONNS_MAX 1024u  /* connections of one user in a domain */
#define BUS_USER_BUSES_MAX 16u
