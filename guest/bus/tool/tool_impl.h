/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands of corbel-bus share. */
#pragma once

#include <stdio.h>
#include "../corbelbus.h"

/* payload_type of a marshalled message of D-Bus: "dbus1msg". */
#define PAYLOAD_DBUS1 0x64627573316d7367ull

/* A word of the command line: --NAME or --NAME=VALUE. */
struct option_row {
	const char *name;
	const char **value; /* NULL: it has none */
	bool *given;	    /* may be NULL */
};

/*
 * Takes the options off the front of @argv and returns how many words that were; ends the program
 * with 2 and a word about what is wrong.
 */
int take_options(int argc, char **argv, const struct option_row *rows);
/* The number in @text, or the end of the program. */
uint64_t number(const char *text, const char *what);

/* "corbel-bus: TEXT: error", and ends the program with 1. */
void fail(int error, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* The same for what the user wrote; status 2. */
void usage(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Connects to the bus that --bus or CORBEL_BUS names, or ends the program. */
struct cbus *connect_bus(uint64_t flags, uint64_t attach_receive);
/* --bus, or NULL. */
extern const char *bus_name;
/* SIGINT or SIGTERM came. */
extern volatile int interrupted;

/* Who has a number: "PID COMM" and so on, from CONN_INFO. */
struct peer {
	uint64_t id, pid, uid;
	bool known;
	char comm[32];
	char description[64];
};
void peer_look_up(struct cbus *bus, uint64_t id, struct peer *peer);
/* A name that is safe for a terminal: what does not print is a dot. */
void copy_printable(char *to, size_t size, const char *from);

/* Where a message goes: a name or ":1.N" or a number. */
void set_destination(struct cbus_message *message, const char *word);
/* The payload of a message for people, each line behind @indent; at most @most bytes. */
void show_payload(struct cbus_received *received, const char *indent, size_t most);
/* The same for a marshalled message of D-Bus; false: it does not begin as one. */
bool show_dbus1(FILE *out, const uint8_t *data, size_t size, const char *indent);
/* The line that says what a message is. */
void show_head(const struct cbus_received *received);

/* The commands: a status of the program. */
int command_list(int argc, char **argv);
int command_tree(int argc, char **argv);
int command_monitor(int argc, char **argv);
int command_top(int argc, char **argv);
int command_call(int argc, char **argv);
int command_signal(int argc, char **argv);
int command_echo(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_run(int argc, char **argv);
int command_stats(int argc, char **argv);
