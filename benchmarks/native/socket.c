#define _GNU_SOURCE
#include "socket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

uint64_t bytes_received, frames_received;

static struct sockaddr_in server;
static char host_header[64];
static int loop = -1;

enum { READ_AT_ONCE = 256 * 1024 };  // per connection and turn: a 5 MB answer must not delay the other connections
static const uint8_t MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

void use_server(const char *host, int port) {
  server.sin_family = AF_INET;
  server.sin_port = htons((uint16_t)port);
  if (inet_pton(AF_INET, host, &server.sin_addr) != 1) FAIL("not an IPv4 address: %s", host);
  snprintf(host_header, sizeof host_header, "%s:%d", host, port);
  loop = epoll_create1(0);
}

static void watch(Connection *c, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(loop, operation, c->fd, &event)) FAIL("epoll_ctl: %s", strerror(errno));
}

void connection_open(Connection *c, const char *path) {
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) FAIL("socket: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS)
    FAIL("connect: %s", strerror(errno));
  watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);  // writable = connected; the request then leaves
  reserve(&c->out, MAX_PATH + 512);
  c->out.length = (size_t)snprintf((char *)c->out.data, MAX_PATH + 512,
      "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, host_header);
}

void connection_stall(Connection *c) {
  c->stalled = true;
  watch(c, 0, EPOLL_CTL_MOD);
}

static void ended(Connection *c, int code, const char *how) {
  if (!c->stalled) FAIL("the server closed a connection (%s, code %d)", how, code);
  close(c->fd);
  c->fd = -1;
  c->close_code = code ? code : 1006;
}

static void flush(Connection *c) {
  while (c->fd >= 0 && c->sent < c->out.length) {
    ssize_t n = send(c->fd, c->out.data + c->sent, c->out.length - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
      watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
      return;
    }
    if (n < 0) { ended(c, 0, strerror(errno)); return; }
    c->sent += (size_t)n;
  }
  c->out.length = c->sent = 0;
}

static void send_frame(Connection *c, uint8_t opcode, const uint8_t *payload, size_t length) {
  reserve(&c->out, length + 14);
  uint8_t *to = c->out.data + c->out.length;
  *to++ = 0x80 | opcode;
  if (length < 126) {
    *to++ = 0x80 | (uint8_t)length;
  } else {
    int width = length < 65536 ? 2 : 8;
    *to++ = 0x80 | (width == 2 ? 126 : 127);
    for (int shift = (width - 1) * 8; shift >= 0; shift -= 8) *to++ = (uint8_t)((uint64_t)length >> shift);
  }
  memcpy(to, MASK, 4);
  to += 4;
  for (size_t i = 0; i < length; i++) to[i] = payload[i] ^ MASK[i & 3];
  c->out.length = (size_t)(to - c->out.data) + length;
  flush(c);
}

void connection_send(Connection *c, const uint8_t *message, size_t length) { send_frame(c, 2, message, length); }

// The bytes of the HTTP response, 0 while it is incomplete.
static size_t response_length(Connection *c) {
  uint8_t *end = memmem(c->in.data, c->in.length, "\r\n\r\n", 4);
  if (!end) return 0;
  if (c->in.length < 12 || memcmp(c->in.data, "HTTP/1.1 101", 12))
    FAIL("the upgrade was refused: %.*s", (int)(c->in.length < 200 ? c->in.length : 200), c->in.data);
  return (size_t)(end - c->in.data) + 4;
}

// Handle the frame at `at`; returns its length, 0 while it is incomplete.
static size_t handle_frame(Connection *c, const uint8_t *at, size_t available) {
  if (available < 2) return 0;
  size_t header = 2, length = at[1] & 127;
  if (length >= 126) {
    size_t width = length == 126 ? 2 : 8;
    header += width;
    if (available < header) return 0;
    length = 0;
    for (size_t i = 0; i < width; i++) length = length << 8 | at[2 + i];
  }
  if (available < header + length) {
    reserve(&c->in, header + length - available);  // one growth for a big answer
    return 0;
  }
  const uint8_t *payload = at + header;
  frames_received++;
  switch (at[0]) {
    case 0x82: on_message(c, payload, length); break;
    case 0x88: ended(c, length >= 2 ? payload[0] << 8 | payload[1] : 1005, "close frame"); break;
    case 0x89: send_frame(c, 10, payload, length); break;  // a ping wants its pong
    case 0x8a: break;
    default: FAIL("a frame this client does not expect: first byte %02x", at[0]);
  }
  return header + length;
}

static void receive(Connection *c) {
  reserve(&c->in, READ_AT_ONCE / 4);
  size_t room = c->in.capacity - c->in.length;
  ssize_t n = recv(c->fd, c->in.data + c->in.length, room < READ_AT_ONCE ? room : READ_AT_ONCE, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { ended(c, 0, n ? strerror(errno) : "end of stream"); return; }
  bytes_received += (uint64_t)n;
  c->in.length += (size_t)n;
  size_t done = 0, step;
  if (!c->upgraded) {
    if (!(done = response_length(c))) return;
    c->upgraded = true;
    on_upgraded(c);
  }
  while (c->fd >= 0 && (step = handle_frame(c, c->in.data + done, c->in.length - done))) done += step;
  c->in.length -= done;
  if (done) memmove(c->in.data, c->in.data + done, c->in.length);
}

void poll_sockets(uint64_t timeout_ns) {
  struct epoll_event events[512];
  struct timespec timeout = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
  int count = epoll_pwait2(loop, events, 512, &timeout, NULL);
  for (int i = 0; i < count; i++) {
    Connection *c = events[i].data.ptr;
    if (events[i].events & EPOLLOUT) {
      watch(c, c->stalled ? 0 : EPOLLIN, EPOLL_CTL_MOD);
      flush(c);
    }
    if (c->stalled) {
      if (events[i].events & (EPOLLHUP | EPOLLERR)) ended(c, 0, "reset");
    } else if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
      receive(c);
    }
  }
}
