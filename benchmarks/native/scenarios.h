#ifndef SCENARIOS_H
#define SCENARIOS_H
#include "member.h"

void run_edits(const Options *options);     // edits.c
void run_cold(const Options *options);      // edits.c
void run_presence(const Options *options);  // presence.c
void run_storm(const Options *options);     // documents.c
void run_slow(const Options *options);      // documents.c
void run_idle(const Options *options);      // documents.c

// The clocks of the update in a file, and the order of numbers for qsort.
Holdings document_holdings(const char *path);
int compare_doubles(const void *a, const void *b);
#endif
