// Load generator: load SCENARIO --host … (see `options_of`). One thread. Events and the result are lines of JSON.
#include "scenarios.h"
#include <getopt.h>

static const struct { const char *name; void (*run)(const Options *); } SCENARIOS[] = {
    {"edits", run_edits}, {"cold", run_cold}, {"presence", run_presence},
    {"storm", run_storm}, {"slow", run_slow}, {"idle", run_idle},
};

static const struct option NAMES[] = {
    {"host", 1, 0, 'h'},      // IPv4 address
    {"port", 1, 0, 'p'},
    {"path", 1, 0, 'P'},      // before the room's name (y-websocket), or the whole path (Hocuspocus)
    {"query", 1, 0, 'Q'},     // after the room's name: "?token=…"
    {"hocuspocus", 0, 0, 'H'},
    {"room", 1, 0, 'n'},      // rooms are NAME-0, NAME-1, …
    {"rooms", 1, 0, 'r'},
    {"members", 1, 0, 'm'},   // per room
    {"writers", 1, 0, 'w'},   // per room
    {"rate", 1, 0, 'e'},      // edits or presence changes per second and writer; 0 = closed loop
    {"window", 1, 0, 'W'},    // closed loop: edits under way per writer
    {"seconds", 1, 0, 's'},
    {"warmup", 1, 0, 'u'},
    {"batch", 1, 0, 'b'},     // how many join at a time
    {"document", 1, 0, 'd'},  // file with the document that the server has in its room 0, or in its cold rooms
    {"cold", 1, 0, 'c'},      // how many cold rooms; the first is for calibration
    {"megabytes", 1, 0, 'M'},
    {"echo", 0, 0, 'E'},
    {0},
};

static Options options_of(int argc, char **argv) {
  Options o = {.host = "127.0.0.1", .path = "/", .query = "", .room = "room", .rooms = 1, .members = 2, .writers = 1,
               .window = 8, .seconds = 5, .warmup = 1, .batch = 64, .cold = 6, .megabytes = 200};
  for (int option; (option = getopt_long(argc, argv, "", NAMES, NULL)) != -1;) {
    switch (option) {
      case 'h': o.host = optarg; break;
      case 'p': o.port = atoi(optarg); break;
      case 'P': o.path = optarg; break;
      case 'Q': o.query = optarg; break;
      case 'H': o.hocuspocus = true; break;
      case 'n': o.room = optarg; break;
      case 'r': o.rooms = atoi(optarg); break;
      case 'm': o.members = atoi(optarg); break;
      case 'w': o.writers = atoi(optarg); break;
      case 'e': o.rate = atof(optarg); break;
      case 'W': o.window = atoi(optarg); break;
      case 's': o.seconds = atof(optarg); break;
      case 'u': o.warmup = atof(optarg); break;
      case 'b': o.batch = atoi(optarg); break;
      case 'd': o.document = optarg; break;
      case 'c': o.cold = atoi(optarg); break;
      case 'M': o.megabytes = atoi(optarg); break;
      case 'E': o.echo = true; break;
      default: exit(2);
    }
  }
  return o;
}

int main(int argc, char **argv) {
  Options options = options_of(argc, argv);
  use_server(options.host, options.port);
  for (size_t i = 0; optind < argc && i < sizeof SCENARIOS / sizeof *SCENARIOS; i++) {
    if (strcmp(argv[optind], SCENARIOS[i].name)) continue;
    SCENARIOS[i].run(&options);
    return 0;
  }
  FAIL("which scenario? edits, cold, presence, storm, slow or idle");
}
