// The ceiling: what a server could reach that does nothing but relay. y-websocket framing on epoll, no CRDT, no disk,
// nothing checked; what a room gets in one turn of the loop leaves as one write to each member. Usage: relay PORT
#define _GNU_SOURCE
#include "basics.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Room Room;
typedef struct { int fd; Room *room; Buffer in; } Member;
struct Room {
  char *name;
  Member **members;
  size_t count, capacity;
  Buffer turn;        // the frames of this turn
  Member *author;     // who sent them, NULL when it was more than one
  bool queued;
};

static Room **rooms, **queue;
static size_t room_count, room_capacity, queue_length;

static Room *room_named(const uint8_t *name, size_t length) {
  for (size_t i = 0; i < room_count; i++)
    if (strlen(rooms[i]->name) == length && !memcmp(rooms[i]->name, name, length)) return rooms[i];
  if (room_count == room_capacity) {
    room_capacity = room_capacity * 2 + 64;
    rooms = realloc(rooms, room_capacity * sizeof *rooms);
    queue = realloc(queue, room_capacity * sizeof *queue);
  }
  Room *room = rooms[room_count++] = calloc(1, sizeof *room);
  room->name = strndup((const char *)name, length);
  return room;
}

static void send_whole(Member *m, const void *data, size_t length) {
  for (const uint8_t *at = data; length;) {
    ssize_t n = send(m->fd, at, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) usleep(50);
    else if (n < 0) return;
    else at += n, length -= (size_t)n;
  }
}

static void relay(Member *m, const uint8_t *message, size_t length) {
  Room *room = m->room;
  uint8_t header[4] = {0x82, (uint8_t)length};
  size_t header_length = 2;
  if (length >= 126) {
    header[1] = 126;
    header[2] = (uint8_t)(length >> 8);
    header[3] = (uint8_t)length;
    header_length = 4;
  }
  put(&room->turn, header, header_length);
  put(&room->turn, message, length);
  if (!room->queued) {
    room->queued = true;
    room->author = m;
    queue[queue_length++] = room;
  } else if (room->author != m) {
    room->author = NULL;
  }
}

static void end_turn(void) {
  for (size_t i = 0; i < queue_length; i++) {
    Room *room = queue[i];
    for (size_t j = 0; j < room->count; j++)
      if (room->members[j] != room->author) send_whole(room->members[j], room->turn.data, room->turn.length);
    room->turn.length = 0;
    room->queued = false;
  }
  queue_length = 0;
}

static size_t upgrade(Member *m) {
  static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  uint8_t *end = memmem(m->in.data, m->in.length, "\r\n\r\n", 4);
  if (!end) return 0;
  uint8_t *path = memchr(m->in.data, ' ', m->in.length), *after = path ? memchr(path + 1, ' ', m->in.length - 8) : NULL;
  if (!after) FAIL("not an HTTP request");
  Room *room = m->room = room_named(path + 1, (size_t)(after - path - 1));
  if (room->count == room->capacity) {
    room->capacity = room->capacity * 2 + 8;
    room->members = realloc(room->members, room->capacity * sizeof *room->members);
  }
  room->members[room->count++] = m;
  send_whole(m, answer, sizeof answer - 1);
  send_whole(m, "\x82\4\0\0\1\0", 6);  // sync step 1 with an empty state vector
  return (size_t)(end - m->in.data) + 4;
}

static size_t handle_frame(Member *m, uint8_t *at, size_t available) {
  if (available < 6) return 0;
  size_t length = at[1] & 127, header = 6;
  if (length == 126) {
    if (available < 8) return 0;
    length = (size_t)(at[2] << 8 | at[3]);
    header = 8;
  }
  if (length == 127) FAIL("the relay carries frames below 64 KiB only");
  if (available < header + length) return 0;
  uint8_t *mask = at + header - 4, *message = at + header;
  for (size_t i = 0; i < length; i++) message[i] ^= mask[i & 3];
  if ((at[0] & 15) == 2) {
    if (message[0] == 0 && message[1] == 0) send_whole(m, "\x82\5\0\1\2\0\0", 7);  // step 1: an empty step 2
    else if (message[0] == 1 || message[1] == 2) relay(m, message, length);         // awareness, update
  }
  return header + length;
}

static void leave(Member *m) {
  Room *room = m->room;
  for (size_t i = 0; room && i < room->count; i++)
    if (room->members[i] == m) { room->members[i] = room->members[--room->count]; break; }
  close(m->fd);  // the member itself stays allocated: a room of this turn may still name it
}

static void receive(Member *m) {
  reserve(&m->in, 8192);
  ssize_t n = recv(m->fd, m->in.data + m->in.length, m->in.capacity - m->in.length, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) { leave(m); return; }
  m->in.length += (size_t)n;
  size_t done = 0, step;
  if (!m->room && !(done = upgrade(m))) return;
  while ((step = handle_frame(m, m->in.data + done, m->in.length - done))) done += step;
  m->in.length -= done;
  if (done) memmove(m->in.data, m->in.data + done, m->in.length);
}

int main(int argc, char **argv) {
  if (argc != 2) FAIL("usage: relay PORT");
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, loop = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) FAIL("cannot listen: %s", strerror(errno));
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN});
  for (;;) {
    struct epoll_event events[1024];
    int count = epoll_wait(loop, events, 1024, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr) { receive(events[i].data.ptr); continue; }
      Member *m = calloc(1, sizeof *m);
      m->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      epoll_ctl(loop, EPOLL_CTL_ADD, m->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = m});
    }
    end_turn();
  }
}
