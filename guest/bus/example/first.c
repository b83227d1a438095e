/* first: greets whoever calls; first NAME: is greeted. */
#include <corbelbus.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "Hello, ";
	struct cbus_part parts[2] = {CBUS_BYTES(word, strlen(word))};
	struct cbus_message out = {.name = "org.example.First", .parts = parts, .part_count = 1};
	struct cbus_received in;
	struct cbus *bus;
	const void *data;
	size_t size;

	if (cbus_connect(NULL, NULL, &bus))
		return 1;
	if (argc > 1) {
		if (cbus_call(bus, &out, CBUS_FOREVER, -1, &in) || cbus_payload(&in, &data, &size))
			return 2;
		printf("%.*s\n", (int)size, (const char *)data);
		cbus_free(&in);
	} else if (cbus_name_acquire(bus, out.name, 0, NULL) == 0) {
		out.part_count = 2; /* the greeting, and what the caller sent */
		for (; cbus_receive(bus, CBUS_FOREVER, &in) == 0; cbus_free(&in))
			if (cbus_payload(&in, &data, &size) == 0) {
				parts[1] = CBUS_BYTES(data, size);
				cbus_reply(bus, &in, &out);
			}
	}
	cbus_close(bus);
}
