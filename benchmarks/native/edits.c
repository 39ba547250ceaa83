// Scenarios of typing: pairs, fan-out, board (`edits`), and rooms that are typed in while another one is opened (`cold`).
#include "scenarios.h"

enum { PENDING = 1024 };  // edits under way per writer; an open loop that gets so far behind skips its turn, and says so

typedef struct { uint64_t sent; int waiting; } Edit;  // waiting: members of the room that do not have it yet
// clock: edits made; neighbour: those the next member of the room has; done: those that all members have.
typedef struct { uint64_t clock, neighbour, done, next; Edit edits[PENDING]; } Writer;

static const Options *options;
static Writer **writers;    // by member number, NULL for those who only read
static uint64_t **arrived;  // by member number: how much of each writer of its room has come
static Histogram ignored, measured, *latencies = &ignored;  // edit to peer, one entry for each peer
static uint64_t completed, skipped;

static void on_run(void *context, uint64_t client, uint64_t from, uint64_t to) {
  Member *m = context;
  uint64_t number = client - FIRST_CLIENT;
  if (number >= (uint64_t)member_count || !writers[number]) return;
  Member *author = &members[number];
  Writer *w = writers[number];
  if (author->room != m->room || author == m) return;  // Node servers echo an edit to its author: no delivery
  uint64_t *have = &arrived[m->number][author->index], now = now_ns();
  if (from > *have)
    FAIL("an edit was lost: member %d has %lu of writer %lu, then came %lu", m->number, *have, number, from);
  for (; *have < to; ++*have) {
    Edit *edit = &w->edits[*have % PENDING];
    record(latencies, now - edit->sent);
    if (--edit->waiting == 0) {
      w->done++;
      completed++;
    }
  }
  if (m->index == (author->index + 1) % options->members) w->neighbour = *have;
}

static void on_edit(Member *m, Reader update) { walk_update(update, on_run, m); }

static void type_one(Member *m, Writer *w) {
  static Buffer update;
  update.length = 0;
  put_typing(&update, m->client, w->clock);
  w->edits[w->clock++ % PENDING] = (Edit){now_ns(), options->members - 1};
  send_update(m, &update);
}

// Type what is due; returns when the next edit is. In the closed loop a writer goes on when its neighbour has the edit:
// waiting for the slowest of a hundred would leave the server idle between rounds.
static uint64_t type_due(uint64_t now) {
  uint64_t gap = options->rate > 0 ? (uint64_t)(1e9 / options->rate) : 0, earliest = now + 10000000;
  for (int i = 0; i < member_count; i++) {
    Writer *w = writers[i];
    if (!w) continue;
    if (!gap) {
      while (w->clock - w->neighbour < (uint64_t)options->window && w->clock - w->done < PENDING) type_one(&members[i], w);
      continue;
    }
    for (; w->next <= now; w->next += gap) {
      if (w->clock - w->done < PENDING) type_one(&members[i], w);
      else skipped++;
    }
    if (w->next < earliest) earliest = w->next;
  }
  return earliest;
}

static void type_until(uint64_t end) {
  for (uint64_t now = now_ns(); now < end; now = now_ns()) {
    uint64_t next = type_due(now);
    poll_sockets(next > now ? next - now : 0);
  }
}

static uint64_t unfinished(void) {
  uint64_t count = 0;
  for (int i = 0; i < member_count; i++) count += writers[i] ? writers[i]->clock - writers[i]->done : 0;
  return count;
}

static void drain(void) {
  for (uint64_t end = now_ns() + 5000000000u; unfinished() && now_ns() < end;) poll_sockets(20000000);
}

static void start_typing(const Options *with, int more) {
  options = with;
  int total = with->rooms * with->members;
  writers = calloc((size_t)(total + more), sizeof *writers);
  arrived = calloc((size_t)(total + more), sizeof *arrived);
  join_all(with, more);
  on_content = on_edit;
  uint64_t now = now_ns();
  for (int i = 0; i < total; i++) {
    arrived[i] = calloc((size_t)with->members, sizeof **arrived);
    if (members[i].index >= with->writers) continue;
    writers[i] = calloc(1, sizeof **writers);
    writers[i]->next = now + (with->rate > 0 ? (uint64_t)(1e9 / with->rate * i / total) : 0);  // spread over the interval
  }
}

void run_edits(const Options *with) {
  start_typing(with, 0);
  type_until(now_ns() + (uint64_t)(with->warmup * 1e9));
  mark("begin");
  latencies = &measured;
  uint64_t begin = now_ns(), before = completed, bytes = bytes_received, frames = frames_received;
  type_until(begin + (uint64_t)(with->seconds * 1e9));
  double seconds = (double)(now_ns() - begin) / 1e9;
  mark("end");
  uint64_t done = completed - before;
  bytes = bytes_received - bytes;
  frames = frames_received - frames;
  latencies = &ignored;
  drain();
  result("seconds edits_per_s p50_ms p95_ms p99_ms max_ms deliveries_per_s frames_per_s mb_per_s skipped undelivered", seconds,
         (double)done / seconds, percentile_ms(&measured, 0.5), percentile_ms(&measured, 0.95), percentile_ms(&measured, 0.99),
         (double)measured.largest / 1000, (double)measured.total / seconds, (double)frames / seconds,
         (double)bytes / seconds / 1e6, (double)skipped, (double)unfinished());
}

// ---- cold rooms ----
// Rooms with a big document, which nobody has opened yet, are joined one after the other while others type: the rooms
// numbered from `rooms` on. The longest edit-to-peer time from a join to 50 ms after its whole content has come is what that join cost the others.
static Member *opener;
static Holdings received;
static uint64_t whole;  // bytes of a whole answer, known from the first cold room, whose content is checked

static void on_edit_or_document(Member *m, Reader update) {
  if (m->number < options->rooms * options->members) on_edit(m, update);
  else if (!whole) walk_update(update, hold, &received);
}

static double open_cold_room(int room, const Holdings *wanted) {
  uint64_t begin = now_ns(), end = begin + 60000000000u;
  opener = add_member(room, 0);
  while (whole ? opener->content_bytes < whole : !holds_all(&received, wanted)) {
    if (now_ns() > end) FAIL("the cold room's document did not come within 60 s");
    type_until(now_ns() + 1000000);
  }
  uint64_t done = now_ns();
  type_until(done + 50000000);
  if (!whole) whole = opener->content_bytes;
  return (double)(done - begin) / 1e6;
}

void run_cold(const Options *with) {
  enum { MOST = 16 };
  Histogram *during = calloc(MOST, sizeof *during);
  double stalls[MOST], total_open = 0;
  int count = with->cold < MOST ? with->cold : MOST;
  Holdings wanted = document_holdings(with->document);
  start_typing(with, count);
  on_content = on_edit_or_document;
  type_until(now_ns() + (uint64_t)(with->warmup * 1e9));
  for (int i = 0; i < count; i++) {
    latencies = i ? &measured : &ignored;  // the quiet second before each join is what it is compared with
    type_until(now_ns() + 1000000000u);
    latencies = &during[i];
    double opened = open_cold_room(with->rooms + i, &wanted);
    total_open += i ? opened : 0;
    stalls[i] = (double)during[i].largest / 1000;
  }
  latencies = &ignored;
  drain();
  qsort(stalls + 1, (size_t)count - 1, sizeof *stalls, compare_doubles);
  result("stall_ms stall_max_ms open_ms quiet_p50_ms quiet_max_ms skipped undelivered", stalls[1 + (count - 1) / 2],
         stalls[count - 1], total_open / (count - 1), percentile_ms(&measured, 0.5), (double)measured.largest / 1000,
         (double)skipped, (double)unfinished());
}
