// Scenario of presence: every member of one room moves its cursor at the same rate, at its own phase.
//
// A change's age at a receiver is the time until that receiver has it, or a newer one of the same member: servers may
// merge changes, but each change counts, so merging too long shows as age and never as fewer changes.
#include "scenarios.h"

enum { REMEMBERED = 1024 };  // changes per member whose time is known: over a minute and a half at 10 Hz

typedef struct { uint64_t clock, next, sent[REMEMBERED]; } Cursor;

static const Options *options;
static Cursor *cursors;
static uint64_t **known;  // by receiver and member: the newest clock seen
static uint64_t begin, end, expected, delivered, echoes;
static Histogram ages;

static void put_entry(Buffer *out, const Member *m, uint64_t clock) {
  char state[160];
  int length = snprintf(state, sizeof state,
      "{\"user\":{\"name\":\"Member %d\",\"color\":\"#30bced\"},\"cursor\":{\"x\":%d,\"y\":%d}}",
      m->number, (int)(clock * 7 % 1920), (int)(clock * 5 % 1080));
  put_varuint(out, m->client);
  put_varuint(out, clock);
  put_sized(out, state, (size_t)length);
}

static void move_cursor(Member *m, uint64_t now) {
  static Buffer entries;
  Cursor *cursor = &cursors[m->number];
  cursor->sent[++cursor->clock % REMEMBERED] = now;
  known[m->number][m->number] = cursor->clock;
  if (now >= begin && now < end) expected += (uint64_t)member_count - 1;
  entries.length = 0;
  put_varuint(&entries, 1);
  put_entry(&entries, m, cursor->clock);
  send_presence(m, &entries);
}

static void learn(Member *m, uint64_t number, uint64_t clock, uint64_t now) {
  for (uint64_t *have = &known[m->number][number]; *have < clock;) {
    uint64_t sent = cursors[number].sent[++*have % REMEMBERED];
    if (sent < begin || sent >= end) continue;
    record(&ages, now - sent);
    delivered++;
  }
}

static void on_entries(Member *m, Reader r) {
  static Buffer fresh, frame;
  uint64_t now = now_ns(), count = 0;
  fresh.length = 0;
  for (uint64_t n = read_varuint(&r); n; n--) {
    const uint8_t *entry = r.at;
    uint64_t number = read_varuint(&r) - FIRST_CLIENT, clock = read_varuint(&r);
    read_sized(&r);
    if (number >= (uint64_t)member_count || clock <= known[m->number][number]) continue;
    if (clock > cursors[number].clock) FAIL("presence of member %lu at a clock it has not reached", number);
    learn(m, number, clock, now);
    put(&fresh, entry, (size_t)(r.at - entry));
    count++;
  }
  if (!options->echo || !count) return;
  frame.length = 0;
  put_varuint(&frame, count);
  put(&frame, fresh.data, fresh.length);
  send_presence(m, &frame);
  echoes++;
}

static void move_until(uint64_t stop, bool moving) {
  uint64_t gap = (uint64_t)(1e9 / options->rate);
  for (uint64_t now = now_ns(); now < stop; now = now_ns()) {
    uint64_t earliest = now + 10000000;
    for (int i = 0; moving && i < member_count; i++) {
      for (; cursors[i].next <= now; cursors[i].next += gap) move_cursor(&members[i], now);
      if (cursors[i].next < earliest) earliest = cursors[i].next;
    }
    poll_sockets(earliest - now);
  }
}

static uint64_t behind(void) {
  uint64_t count = 0;
  for (int i = 0; i < member_count; i++)
    for (int j = 0; j < member_count; j++) count += known[i][j] < cursors[j].clock;
  return count;
}

void run_presence(const Options *with) {
  options = with;
  join_all(with, 0);
  cursors = calloc((size_t)member_count, sizeof *cursors);
  known = calloc((size_t)member_count, sizeof *known);
  uint64_t start = now_ns();
  begin = start + (uint64_t)(with->warmup * 1e9);
  end = begin + (uint64_t)(with->seconds * 1e9);
  for (int i = 0; i < member_count; i++) {
    known[i] = calloc((size_t)member_count, sizeof **known);
    cursors[i].next = start + (uint64_t)(1e9 / with->rate * i / member_count);
  }
  on_presence = on_entries;
  move_until(begin, true);
  mark("begin");
  uint64_t frames = frames_received, sent_back = echoes;
  move_until(end, true);
  mark("end");
  frames = frames_received - frames;
  sent_back = echoes - sent_back;
  for (uint64_t stop = now_ns() + 5000000000u; behind() && now_ns() < stop;) move_until(now_ns() + 50000000, false);
  if (!delivered) FAIL("not one presence change was delivered");
  result("age_p50_ms age_p95_ms age_max_ms delivered_percent members_behind frames_per_s echoes_per_s",
         percentile_ms(&ages, 0.5), percentile_ms(&ages, 0.95), (double)ages.largest / 1000,
         expected ? 100.0 * (double)delivered / (double)expected : 0, (double)behind(),
         (double)frames / with->seconds, (double)sent_back / with->seconds);
}
