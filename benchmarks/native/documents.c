// Scenarios of memory and of big documents: a join storm, a member that does not read, idle connections.
#include "scenarios.h"

int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

Holdings document_holdings(const char *path) {
  Buffer bytes = {0};
  Holdings holdings = {0};
  FILE *file = path ? fopen(path, "rb") : NULL;
  if (!file) FAIL("cannot read the document %s", path ? path : "(none given)");
  size_t n;
  do {
    reserve(&bytes, 1 << 20);
    bytes.length += n = fread(bytes.data + bytes.length, 1, 1 << 20, file);
  } while (n);
  fclose(file);
  walk_update((Reader){bytes.data, bytes.data + bytes.length}, hold, &holdings);
  free(bytes.data);
  return holdings;
}

// ---- join storm ----
static Holdings received;
static uint64_t whole;  // bytes of a whole answer: what the first member got, whose content is checked
static double *finished_ms;
static uint64_t storm_began;

static void on_first_content(Member *m, Reader update) {
  (void)m;
  walk_update(update, hold, &received);
}

static void on_storm_content(Member *m, Reader update) {
  (void)update;
  if (m->number && m->content_bytes >= whole && finished_ms[m->number - 1] == 0)
    finished_ms[m->number - 1] = (double)(now_ns() - storm_began) / 1e6;
}

static int waiting_for_content(int count) {
  int waiting = 0;
  for (int i = 0; i < count; i++) waiting += finished_ms[i] == 0;
  return waiting;
}

// One member opens the room and gets everything, then `members` more come at the same moment.
void run_storm(const Options *with) {
  Holdings wanted = document_holdings(with->document);
  reserve_members(with, with->members + 1);
  on_content = on_first_content;
  add_member(0, 0);
  for (uint64_t end = now_ns() + 60000000000u; !holds_all(&received, &wanted); poll_sockets(10000000))
    if (now_ns() > end) FAIL("the first member did not get the document within 60 s");
  for (uint64_t end = now_ns() + 500000000u; now_ns() < end;) poll_sockets(10000000);
  whole = members[0].content_bytes;
  finished_ms = calloc((size_t)with->members, sizeof *finished_ms);
  on_content = on_storm_content;
  pause_at("ready");
  mark("begin");
  storm_began = now_ns();
  for (int i = 1; i <= with->members; i++) add_member(0, i);
  uint64_t end = storm_began + 120000000000u;
  while (waiting_for_content(with->members) && now_ns() < end) poll_sockets(10000000);
  mark("end");
  int missing = waiting_for_content(with->members);
  double seconds = (double)(now_ns() - storm_began) / 1e9;
  pause_at("hold");
  if (missing) FAIL("%d of %d members did not get the document within 120 s", missing, with->members);
  qsort(finished_ms, (size_t)with->members, sizeof *finished_ms, compare_doubles);
  result("seconds p50_ms max_ms document_mb", seconds, finished_ms[with->members / 2], finished_ms[with->members - 1],
         (double)whole / 1e6);
}

// ---- a member that does not read ----
enum { VALUE = 256 * 1024 };
static uint64_t values_read;

static void on_value(void *context, uint64_t client, uint64_t from, uint64_t to) {
  (void)context, (void)from;
  if (client == members[0].client && to > values_read) values_read = to;
}

static void on_values(Member *m, Reader update) {
  if (m->number == 1) walk_update(update, on_value, NULL);
}

// Member 0 overwrites one map value, member 1 reads, member 2 has stopped reading.
void run_slow(const Options *with) {
  static uint8_t value[VALUE];
  Buffer update = {0};
  uint64_t count = (uint64_t)with->megabytes * 1000000 / VALUE, sent = 0, random = 88172645463325252u;
  join_all(with, 0);
  on_content = on_values;
  connection_stall(&members[2].socket);
  pause_at("ready");
  mark("begin");
  uint64_t begin = now_ns(), deadline = begin + 120000000000u;
  while (values_read < count) {
    while (sent < count && sent - values_read < (uint64_t)with->window) {
      for (size_t i = 0; i < VALUE; i += 8) {  // xorshift: bytes that no server could compress
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        memcpy(value + i, &random, 8);
      }
      update.length = 0;
      put_map_value(&update, members[0].client, sent++, value, VALUE);
      send_update(&members[0], &update);
    }
    poll_sockets(10000000);
    if (now_ns() > deadline) FAIL("the reader got %lu of %lu values within 120 s", values_read, count);
  }
  mark("end");
  double seconds = (double)(now_ns() - begin) / 1e9;
  pause_at("hold");
  result("seconds mb_per_s slow_member_close_code", seconds, (double)(count * VALUE) / 1e6 / seconds,
         (double)members[2].socket.close_code);
}

// ---- idle ----
void run_idle(const Options *with) {
  join_all(with, 0);
  pause_at("hold");
  result("connections", (double)member_count);
}
