/* Private to drivers/acpi/aml. */
#pragma once

#include <drivers/acpi/aml/aml.h>

/* A place in byte code. */
struct aml_code {
	const u8 *at, *end;
};

#define OP_ZERO 0x00
#define OP_ONE 0x01
#define OP_ALIAS 0x06
#define OP_NAME 0x08
#define OP_BYTE 0x0a
#define OP_WORD 0x0b
#define OP_DWORD 0x0c
#define OP_STRING 0x0d
#define OP_QWORD 0x0e
#define OP_SCOPE 0x10
#define OP_BUFFER 0x11
#define OP_PACKAGE 0x12
#define OP_VAR_PACKAGE 0x13
#define OP_METHOD 0x14
#define OP_EXTERNAL 0x15
#define OP_DUAL 0x2e
#define OP_MULTI 0x2f
#define OP_EXT 0x5b
#define OP_ROOT 0x5c
#define OP_PARENT 0x5e
#define OP_LOCAL0 0x60
#define OP_LOCAL7 0x67
#define OP_ARG0 0x68
#define OP_ARG6 0x6e
#define OP_STORE 0x70
#define OP_ADD 0x72
#define OP_SUBTRACT 0x74
#define OP_INCREMENT 0x75
#define OP_DECREMENT 0x76
#define OP_MULTIPLY 0x77
#define OP_SHIFT_LEFT 0x79
#define OP_SHIFT_RIGHT 0x7a
#define OP_AND 0x7b
#define OP_NAND 0x7c
#define OP_OR 0x7d
#define OP_NOR 0x7e
#define OP_XOR 0x7f
#define OP_NOT 0x80
#define OP_DEREF 0x83
#define OP_NOTIFY 0x86
#define OP_SIZEOF 0x87
#define OP_INDEX 0x88
#define OP_LAND 0x90
#define OP_LOR 0x91
#define OP_LNOT 0x92
#define OP_LEQUAL 0x93
#define OP_LGREATER 0x94
#define OP_LLESS 0x95
#define OP_CONTINUE 0x9f
#define OP_IF 0xa0
#define OP_ELSE 0xa1
#define OP_WHILE 0xa2
#define OP_NOOP 0xa3
#define OP_RETURN 0xa4
#define OP_BREAK 0xa5
#define OP_ONES 0xff

/* load.c. All: 0 or -EINVAL, and the place moves on success. */
int aml_u8(struct aml_code *c, u8 *out) __must_check;
int aml_number(struct aml_code *c, unsigned int bytes, u64 *out) __must_check;
/* A package length: *out is what it spans behind itself; @c moves behind that. */
int aml_package(struct aml_code *c, struct aml_code *out) __must_check;
bool aml_starts_name(u8 op);
/* A name: *out is the node it is, AML_NONE if there is none. */
int aml_name(const struct aml *a, struct aml_code *c, u16 scope, u16 *out) __must_check;
