/*
 * Nothing to include: gcc calls this room by itself (128-bit division, counting bits).
 */
#pragma once
