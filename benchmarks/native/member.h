// A member: one client in one room, speaking the y-websocket or the Hocuspocus dialect.
#ifndef MEMBER_H
#define MEMBER_H
#include "socket.h"
#include "yjs.h"

typedef struct {
  const char *host, *path, *query, *room, *document;
  bool hocuspocus;  // else y-websocket
  bool echo;        // re-send the presence of others, as y-websocket and the Hocuspocus provider do
  int port, rooms, members, writers, window, batch, cold, megabytes;
  double rate, seconds, warmup;
} Options;

typedef struct {
  Connection socket;  // first: the socket layer hands members around as connections
  int number, room, index;  // index: within the room
  uint64_t client;          // its Yjs client id: FIRST_CLIENT + number
  bool joined;              // the answer to its sync step 1 has come
  uint64_t content_bytes;   // of all sync step 2 and update payloads
} Member;

enum { FIRST_CLIENT = 1000 };
extern Member *members;
extern int member_count;

// What a scenario does with what arrives. May be NULL.
extern void (*on_content)(Member *, Reader update);
extern void (*on_presence)(Member *, Reader entries);

// Make room for `count` members; connect one to the room "<options.room>-<room>".
void reserve_members(const Options *options, int count);
Member *add_member(int room, int index);
// Connect rooms × members, `options.batch` at a time, and wait until all have joined; room is kept for `more`.
void join_all(const Options *options, int more);

void send_update(Member *m, const Buffer *update);
void send_presence(Member *m, const Buffer *entries);

// Tell the driver where we are, with this process's CPU seconds since "begin": `mark` goes on at once,
// `pause_at` serves the sockets until the driver answers.
void mark(const char *event);
void pause_at(const char *event);
// The result: one number (double) for each of the names.
void result(const char *names, ...);
#endif
