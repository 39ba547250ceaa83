// Yjs update format v1 (yjs 13.6: src/utils/encoding.js, src/structs/*), as far as a load generator needs it.
#ifndef YJS_H
#define YJS_H
#include "basics.h"

// One character typed at the end of what `client` typed before: the update of its insert number `clock`.
void put_typing(Buffer *out, uint64_t client, uint64_t clock);

// Value number `clock` of one map key, which deletes the value before it: how a board or a form overwrites.
void put_map_value(Buffer *out, uint64_t client, uint64_t clock, const uint8_t *value, size_t length);

// Calls `each` for every run of structs [from, to) of one client in an update; holes (Skip) end a run.
typedef void (*EachRun)(void *context, uint64_t client, uint64_t from, uint64_t to);
void walk_update(Reader update, EachRun each, void *context);

// What a document holds: for each client the clock up to which nothing is missing.
typedef struct { uint64_t client, clock; } Held;
typedef struct { Held *items; size_t count, capacity; } Holdings;
void hold(void *holdings, uint64_t client, uint64_t from, uint64_t to);  // an EachRun
bool holds_all(const Holdings *have, const Holdings *wanted);
#endif
