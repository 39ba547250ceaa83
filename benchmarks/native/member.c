#include "member.h"
#include <poll.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

Member *members;
int member_count;
void (*on_content)(Member *, Reader update);
void (*on_presence)(Member *, Reader entries);

static const Options *options;
static Buffer message;  // the message being built; one thread, one at a time

enum { SYNC = 0, AWARENESS = 1, AUTH = 2, SYNC_REPLY = 4, HOCUSPOCUS_CLOSE = 7, HOCUSPOCUS_PING = 9 };
enum { STEP_1 = 0, STEP_2 = 1, UPDATE = 2 };
static const uint64_t JOIN_TIMEOUT = 60000000000u;

static size_t room_name(const Member *m, char name[64]) {
  return (size_t)snprintf(name, 64, "%s-%d", options->room, m->room);
}

// ---- what leaves ----
static void start_message(const Member *m) {
  char name[64];
  message.length = 0;
  if (options->hocuspocus) put_sized(&message, name, room_name(m, name));
}

static void finish_message(Member *m) { connection_send(&m->socket, message.data, message.length); }

static void send_sync(Member *m, uint8_t step, const void *payload, size_t length) {
  start_message(m);
  put_varuint(&message, SYNC);
  put_varuint(&message, step);
  put_sized(&message, payload, length);
  finish_message(m);
}

void send_update(Member *m, const Buffer *update) { send_sync(m, UPDATE, update->data, update->length); }

void send_presence(Member *m, const Buffer *entries) {
  start_message(m);
  put_varuint(&message, AWARENESS);
  put_sized(&message, entries->data, entries->length);
  finish_message(m);
}

void on_upgraded(Connection *c) {
  Member *m = (Member *)c;
  if (options->hocuspocus) {
    start_message(m);
    put(&message, "\2\0\5token\0054.7.0", 14);  // Auth, Token, the token, the provider's version
    finish_message(m);
  }
  send_sync(m, STEP_1, "\0", 1);  // an empty state vector
}

// ---- what arrives ----
static void on_sync(Member *m, Reader *r) {
  uint64_t step = read_varuint(r);
  Reader payload = read_sized(r);
  if (step == STEP_1) {
    send_sync(m, STEP_2, "\0\0", 2);  // members ask before they write: they have nothing yet
    return;
  }
  if (step == STEP_2) m->joined = true;
  m->content_bytes += (uint64_t)(payload.end - payload.at);
  if (on_content) on_content(m, payload);
}

void on_message(Connection *c, const uint8_t *bytes, size_t length) {
  Member *m = (Member *)c;
  Reader r = {bytes, bytes + length};
  if (options->hocuspocus) read_sized(&r);
  while (r.at < r.end) {
    switch (read_varuint(&r)) {
      case SYNC: case SYNC_REPLY: on_sync(m, &r); break;
      case AWARENESS: {
        Reader entries = read_sized(&r);
        if (on_presence) on_presence(m, entries);
        break;
      }
      case AUTH: if (read_varuint(&r) == 1) FAIL("permission denied"); return;
      case HOCUSPOCUS_CLOSE: FAIL("the server closed a document");
      case HOCUSPOCUS_PING: start_message(m); put(&message, "\12", 1); finish_message(m); return;
      default: return;  // SyncStatus and what else needs no answer
    }
  }
}

// ---- joining ----
void reserve_members(const Options *with, int count) {
  options = with;
  members = calloc((size_t)count, sizeof *members);
  if (!members) FAIL("out of memory");
}

Member *add_member(int room, int index) {
  Member *m = &members[member_count];
  char path[MAX_PATH], name[64] = "";
  m->number = member_count++;
  m->room = room;
  m->index = index;
  m->client = FIRST_CLIENT + (uint64_t)m->number;
  if (!options->hocuspocus) room_name(m, name);
  snprintf(path, sizeof path, "%s%s%s", options->path, name, options->query);
  connection_open(&m->socket, path);
  return m;
}

static void await_joins(int from) {
  uint64_t deadline = now_ns() + JOIN_TIMEOUT;
  for (int i = from; i < member_count; i++)
    while (!members[i].joined) {
      if (now_ns() > deadline) FAIL("member %d of %d had no sync step 2 within 60 s", i, member_count);
      poll_sockets(100000000);
    }
}

void join_all(const Options *with, int more) {
  int total = with->rooms * with->members;
  reserve_members(with, total + more);
  for (int i = 0; i < total; i++) {
    add_member(i / with->members, i % with->members);
    if (member_count % with->batch == 0 || member_count == total) {
      int first = member_count - with->batch;
      await_joins(first > 0 ? first : 0);
    }
  }
}

// ---- the driver ----
static double cpu_at_begin;

static double cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

void mark(const char *event) {
  if (!strcmp(event, "begin")) cpu_at_begin = cpu_seconds();
  printf("{\"event\": \"%s\", \"load_cpu\": %.4f}\n", event, cpu_seconds() - cpu_at_begin);
  fflush(stdout);
}

void pause_at(const char *event) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  char answer;
  mark(event);
  while (!poll(&input, 1, 0)) poll_sockets(20000000);
  if (read(STDIN_FILENO, &answer, 1) < 0) FAIL("the driver has gone");
}

void result(const char *names, ...) {
  char copy[512];
  va_list values;
  va_start(values, names);
  snprintf(copy, sizeof copy, "%s", names);
  printf("{\"event\": \"result\"");
  for (char *name = strtok(copy, " "); name; name = strtok(NULL, " ")) printf(", \"%s\": %.6g", name, va_arg(values, double));
  printf("}\n");
  va_end(values);
}
