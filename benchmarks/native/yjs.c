#include "yjs.h"

// The low five bits of a struct's first byte say what it contains; the high three what stands before that.
enum { GC = 0, DELETED = 1, JSON = 2, BINARY = 3, STRING = 4, EMBED = 5, FORMAT = 6, TYPE = 7, ANY = 8, DOC = 9, SKIP = 10 };
enum { HAS_ORIGIN = 0x80, HAS_RIGHT_ORIGIN = 0x40, HAS_KEY = 0x20 };
enum { XML_ELEMENT = 3, XML_HOOK = 5 };  // the types that carry a name

static void put_struct_head(Buffer *out, uint64_t client, uint64_t clock, uint8_t content, const char *root, const char *key) {
  put_varuint(out, 1);  // clients
  put_varuint(out, 1);  // structs
  put_varuint(out, client);
  put_varuint(out, clock);
  uint8_t info = content | (clock ? HAS_ORIGIN : 0) | (key ? HAS_KEY : 0);
  put(out, &info, 1);
  if (clock) {  // the parent follows from the origin
    put_varuint(out, client);
    put_varuint(out, clock - 1);
    return;
  }
  put_varuint(out, 1);  // the parent is a root type
  put_sized(out, root, strlen(root));
  if (key) put_sized(out, key, strlen(key));
}

void put_typing(Buffer *out, uint64_t client, uint64_t clock) {
  char letter = (char)('a' + clock % 26);
  put_struct_head(out, client, clock, STRING, "text", NULL);
  put_sized(out, &letter, 1);
  put_varuint(out, 0);  // deletes
}

void put_map_value(Buffer *out, uint64_t client, uint64_t clock, const uint8_t *value, size_t length) {
  put_struct_head(out, client, clock, BINARY, "map", "value");
  put_sized(out, value, length);
  put_varuint(out, clock ? 1 : 0);
  if (!clock) return;
  put_varuint(out, client);
  put_varuint(out, 1);  // ranges
  put_varuint(out, clock - 1);
  put_varuint(out, 1);  // length
}

// lib0's Any: one byte of type, then the value.
static void skip_any(Reader *r) {
  switch (read_byte(r)) {
    case 127: case 126: case 121: case 120: return;  // undefined, null, false, true
    case 125: while (read_byte(r) & 128) {} return;  // integer
    case 124: read_bytes(r, 4); return;
    case 123: case 122: read_bytes(r, 8); return;
    case 119: case 116: read_sized(r); return;  // string, bytes
    case 118: for (uint64_t n = read_varuint(r); n; n--) { read_sized(r); skip_any(r); } return;
    case 117: for (uint64_t n = read_varuint(r); n; n--) skip_any(r); return;
    default: FAIL("an Any value of unknown type");
  }
}

// A string's length in UTF-16 units, which is what Yjs clocks count.
static uint64_t utf16_length(Reader text) {
  uint64_t units = 0;
  for (; text.at < text.end; text.at++) units += (*text.at & 0xc0) != 0x80 ? (*text.at >= 0xf0 ? 2 : 1) : 0;
  return units;
}

// Reads the content of an item; returns how many clocks it spans.
static uint64_t skip_content(Reader *r, uint8_t content) {
  uint64_t count, type;
  switch (content) {
    case DELETED: return read_varuint(r);
    case JSON: count = read_varuint(r); for (uint64_t n = count; n; n--) read_sized(r); return count;
    case BINARY: case EMBED: read_sized(r); return 1;
    case STRING: return utf16_length(read_sized(r));
    case FORMAT: read_sized(r); read_sized(r); return 1;
    case TYPE: type = read_varuint(r); if (type == XML_ELEMENT || type == XML_HOOK) read_sized(r); return 1;
    case ANY: count = read_varuint(r); for (uint64_t n = count; n; n--) skip_any(r); return count;
    case DOC: read_sized(r); skip_any(r); return 1;
    default: FAIL("a struct of unknown kind %d", content);
  }
}

static uint64_t skip_item(Reader *r, uint8_t info) {
  for (int bit = HAS_ORIGIN; bit >= HAS_RIGHT_ORIGIN; bit >>= 1)
    if (info & bit) { read_varuint(r); read_varuint(r); }
  if (!(info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN))) {
    if (read_varuint(r) == 1) read_sized(r);
    else { read_varuint(r); read_varuint(r); }
    if (info & HAS_KEY) read_sized(r);
  }
  return skip_content(r, info & 31);
}

void walk_update(Reader r, EachRun each, void *context) {
  for (uint64_t clients = read_varuint(&r); clients; clients--) {
    uint64_t structs = read_varuint(&r), client = read_varuint(&r), clock = read_varuint(&r), from = clock;
    for (; structs; structs--) {
      uint8_t info = read_byte(&r);
      if ((info & 31) == SKIP) {
        if (clock > from) each(context, client, from, clock);
        from = clock += read_varuint(&r);
      } else {
        clock += (info & 31) == GC ? read_varuint(&r) : skip_item(&r, info);
      }
    }
    if (clock > from) each(context, client, from, clock);
  }
}

void hold(void *context, uint64_t client, uint64_t from, uint64_t to) {
  Holdings *holdings = context;
  size_t i = 0;
  while (i < holdings->count && holdings->items[i].client != client) i++;
  if (i == holdings->count) {
    if (i == holdings->capacity) {
      holdings->capacity = holdings->capacity * 2 + 16;
      holdings->items = realloc(holdings->items, holdings->capacity * sizeof(Held));
    }
    holdings->items[holdings->count++] = (Held){client, 0};
  }
  Held *held = &holdings->items[i];
  if (from <= held->clock && to > held->clock) held->clock = to;
}

bool holds_all(const Holdings *have, const Holdings *wanted) {
  for (size_t i = 0; i < wanted->count; i++) {
    bool found = false;
    for (size_t j = 0; j < have->count && !found; j++)
      found = have->items[j].client == wanted->items[i].client && have->items[j].clock >= wanted->items[i].clock;
    if (!found) return false;
  }
  return true;
}
