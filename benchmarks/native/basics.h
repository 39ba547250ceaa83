// Time, variable-length integers and a histogram: what every file here needs.
#ifndef BASICS_H
#define BASICS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAIL(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// ---- bytes read: a cursor that stops the program at a truncated message, since no server may send one ----
typedef struct { const uint8_t *at, *end; } Reader;

static inline uint64_t read_varuint(Reader *r) {
  uint64_t value = 0;
  for (int shift = 0; r->at < r->end && shift < 64; shift += 7) {
    uint8_t byte = *r->at++;
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return value;
  }
  FAIL("the server sent a truncated message");
}

static inline uint8_t read_byte(Reader *r) {
  if (r->at >= r->end) FAIL("the server sent a truncated message");
  return *r->at++;
}

static inline Reader read_bytes(Reader *r, uint64_t length) {
  if (length > (uint64_t)(r->end - r->at)) FAIL("the server sent a truncated message");
  Reader inner = {r->at, r->at + length};
  r->at += length;
  return inner;
}

static inline Reader read_sized(Reader *r) { return read_bytes(r, read_varuint(r)); }

// ---- bytes written: a buffer that grows ----
typedef struct { uint8_t *data; size_t length, capacity; } Buffer;

static inline void reserve(Buffer *b, size_t more) {
  if (b->length + more <= b->capacity) return;
  b->capacity = (b->length + more) * 2;
  b->data = realloc(b->data, b->capacity);
  if (!b->data) FAIL("out of memory");
}

static inline void put(Buffer *b, const void *data, size_t length) {
  reserve(b, length);
  memcpy(b->data + b->length, data, length);
  b->length += length;
}

static inline void put_varuint(Buffer *b, uint64_t value) {
  reserve(b, 10);
  for (; value > 127; value >>= 7) b->data[b->length++] = (uint8_t)(value | 128);
  b->data[b->length++] = (uint8_t)value;
}

static inline void put_sized(Buffer *b, const void *data, size_t length) {
  put_varuint(b, length);
  put(b, data, length);
}

// ---- a histogram of microseconds: 64 steps to each power of two, so a percentile is at most 1.6 % off ----
enum { STEPS = 128, BUCKETS = 40 * STEPS };
typedef struct { uint64_t counts[BUCKETS], total, largest; } Histogram;

static inline void record(Histogram *h, uint64_t nanoseconds) {
  uint64_t us = nanoseconds / 1000;
  int power = us < STEPS ? 0 : 57 - __builtin_clzll(us);  // us >> power is then in [64, 128), or us itself
  size_t bucket = (size_t)power * STEPS + (us >> power);
  h->counts[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  h->total++;
  if (us > h->largest) h->largest = us;
}

static inline double percentile_ms(const Histogram *h, double part) {
  uint64_t wanted = (uint64_t)(part * (double)h->total), seen = 0;
  for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
    seen += h->counts[bucket];
    if (seen > wanted) return (double)((bucket % STEPS) << (bucket / STEPS)) / 1000.0;
  }
  return (double)h->largest / 1000.0;
}
#endif
