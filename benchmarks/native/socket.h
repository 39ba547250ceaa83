// WebSocket client connections on one epoll loop, for a load generator: no more of RFC 6455 than servers use.
#ifndef SOCKET_H
#define SOCKET_H
#include "basics.h"

enum { MAX_PATH = 2048 };  // bytes of an upgrade's path, a token in its query included

typedef struct {
  int fd;          // -1 once closed
  bool upgraded;   // the 101 has been read
  bool stalled;    // it no longer reads (the slow reader); its closing is then no failure
  int close_code;  // why the server closed a stalled connection, 0 while open
  Buffer in, out;
  size_t sent;     // how much of `out` the kernel has taken
} Connection;

// Connect to the server given to `use_server` and ask for an upgrade of `path`.
void use_server(const char *host, int port);
void connection_open(Connection *c, const char *path);

// One masked binary frame, in a write of its own: people do not make eight edits in the same microsecond, so a server
// pays for reading each of them unless it is itself behind.
void connection_send(Connection *c, const uint8_t *message, size_t length);

// Stop reading, as a suspended laptop does: the connection stays open.
void connection_stall(Connection *c);

// Wait up to `timeout_ns` for traffic, and handle what came.
void poll_sockets(uint64_t timeout_ns);

extern uint64_t bytes_received, frames_received;

// Called by the loop; the connection is the first field of a member (member.h).
void on_upgraded(Connection *c);
void on_message(Connection *c, const uint8_t *message, size_t length);
#endif
