/* The load: so many connections, each of which sends the same request again as soon as it has its answer.
 *
 *   load PORT REQUEST CONNECTIONS SECONDS PACE_MS [SAMPLE]
 *
 * REQUEST is a file with the raw request, head and body. After SECONDS nothing more is sent, and what is under way is
 * waited for, so that every request that a server worked on is one that is counted. PACE_MS is the pause between events
 * that the provider keeps, 0 for none: then it is also measured how late each event of a stream came, counted from the
 * first one. SAMPLE is a file for the body of the first answer on the first connection.
 *
 * Prints one JSON object. Times are in microseconds; "first" is the time to the first byte of a body. One thread, epoll.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_ANSWERS 4000000
#define HEAD_ROOM 16384
#define PATIENCE_SECONDS 60

enum state { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER };

struct connection {
  int fd, open, status, closes;
  enum state state;
  char head[HEAD_ROOM];
  int head_length;
  char line[32];                      /* the size of a chunk */
  int line_length;
  long left;                          /* bytes of the body, or of the chunk */
  int at_line_start, matched;         /* how much of "data:" was seen at the start of a line */
  long events;
  long long sent, first, first_event; /* when */
  size_t written;                     /* bytes of the request that the socket took */
};

static struct { char *at; size_t length; } request;
static struct { unsigned *total, *first; long number; } times;
static struct { long errors, events, fewest, most, reconnects, in_time; long long bytes, latest; int status; } seen = {.fewest = -1};
static long long begun, deadline, pace;
static int port, poller, under_way;
static FILE *sample;
static struct connection *sampled;

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void watch(struct connection *connection, int operation, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = connection};
  epoll_ctl(poller, operation, connection->fd, &event);
}

/* ---- a request */

static int connected(struct connection *connection) {
  int yes = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  connection->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address)) { close(connection->fd); return 0; }
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  watch(connection, EPOLL_CTL_ADD, EPOLLIN);
  return connection->open = 1;
}

static void hang_up(struct connection *connection) {
  if (connection->open) close(connection->fd);
  connection->open = 0;
}

/* What the socket takes of the request; the rest when it can. A broken connection shows when it is read. */
static void send_more(struct connection *connection) {
  while (connection->written < request.length) {
    ssize_t sent = send(connection->fd, request.at + connection->written, request.length - connection->written,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) {
      if (errno == EAGAIN) watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      return;
    }
    connection->written += sent;
  }
  if (request.length > 65536) watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

static void begin(struct connection *connection) {
  if (now() >= deadline) { hang_up(connection); return; }
  if (!connection->open) {
    seen.reconnects++;
    if (!connected(connection)) { seen.errors++; return; }
  }
  connection->state = HEAD;
  connection->head_length = connection->line_length = connection->matched = 0;
  connection->at_line_start = 1;
  connection->events = connection->first = connection->first_event = 0;
  connection->written = 0;
  connection->sent = now();
  under_way++;
  send_more(connection);
}

static void end(struct connection *connection, int whole) {
  long long time = now();
  under_way--;
  if (!whole || connection->status != 200) {
    seen.errors++;
    if (whole) seen.status = connection->status;
  } else if (times.number < MOST_ANSWERS) {
    times.total[times.number] = (time - connection->sent) / 1000;
    times.first[times.number] = ((connection->first ? connection->first : time) - connection->sent) / 1000;
    times.number++;
    if (time <= deadline) seen.in_time++;
    seen.events += connection->events;
    if (seen.fewest < 0 || connection->events < seen.fewest) seen.fewest = connection->events;
    if (connection->events > seen.most) seen.most = connection->events;
  }
  if (sample && connection == sampled) { fclose(sample); sample = NULL; }
  if (!whole || connection->closes) hang_up(connection);
  if (seen.errors < 1000) begin(connection); else hang_up(connection);
}

/* ---- an answer */

static void see_event(struct connection *connection) {
  long number = connection->events++;
  if (!pace) return;
  long long time = now();
  if (!number) connection->first_event = time;
  long long late = time - connection->first_event - number * pace;
  if (late > seen.latest) seen.latest = late;
}

static void see_body(struct connection *connection, const char *at, long length) {
  static const char word[] = "data:";
  seen.bytes += length;
  if (!connection->first && length) connection->first = now();
  if (sample && connection == sampled) fwrite(at, 1, length, sample);
  for (long each = 0; each < length; each++) {
    if (at[each] == '\n') { connection->at_line_start = 1; connection->matched = 0; continue; }
    if (!connection->at_line_start) continue;
    if (at[each] != word[connection->matched]) { connection->at_line_start = 0; continue; }
    if (++connection->matched == 5) { connection->at_line_start = 0; see_event(connection); }
  }
}

/* The head is whole: how long the body is, and whether the connection stays. */
static void read_head(struct connection *connection) {
  const char *length = strcasestr(connection->head, "\r\ncontent-length:");
  connection->status = atoi(connection->head + 9);
  connection->closes = strcasestr(connection->head, "\r\nconnection: close") != NULL;
  connection->state = length ? BODY : CHUNK_SIZE;
  connection->left = length ? atol(length + 17) : 0;
}

static long take_head(struct connection *connection, const char *at, long length) {
  int before = connection->head_length, room = HEAD_ROOM - 1 - before;
  long taken = length < room ? length : room;
  memcpy(connection->head + before, at, taken);
  connection->head[connection->head_length += taken] = 0;
  char *end_of_head = strstr(connection->head + (before > 3 ? before - 3 : 0), "\r\n\r\n");
  if (!end_of_head) return connection->head_length == HEAD_ROOM - 1 ? -1 : taken;
  long used = end_of_head + 4 - connection->head - before;
  end_of_head[2] = 0;
  if (!strncmp(connection->head + 9, "100", 3)) connection->head_length = 0; else read_head(connection);
  return used;
}

static void feed(struct connection *connection, const char *at, long length) {
  while (length > 0) {
    long used = 1;
    switch (connection->state) {
      case HEAD:
        used = take_head(connection, at, length);
        if (used < 0) { end(connection, 0); return; }
        if (connection->state == BODY && !connection->left) { end(connection, 1); return; }
        break;
      case BODY:
      case CHUNK:
        used = length < connection->left ? length : connection->left;
        see_body(connection, at, used);
        if (connection->left -= used) break;
        if (connection->state == BODY) { end(connection, 1); return; }
        connection->state = CHUNK_END;
        break;
      case CHUNK_SIZE:
        if (*at == '\n') {
          connection->line[connection->line_length] = 0;
          connection->left = strtol(connection->line, NULL, 16);
          connection->line_length = 0;
          connection->state = connection->left ? CHUNK : TRAILER;
        } else if (connection->line_length < (int)sizeof connection->line - 1) connection->line[connection->line_length++] = *at;
        break;
      case CHUNK_END:
        if (*at == '\n') connection->state = CHUNK_SIZE;
        break;
      case TRAILER:
        if (*at != '\n') { if (*at != '\r') connection->line_length++; break; }
        if (!connection->line_length) { end(connection, 1); return; }
        connection->line_length = 0;
        break;
    }
    at += used;
    length -= used;
  }
}

/* ---- the whole */

static int by_size(const void *one, const void *other) {
  unsigned left = *(const unsigned *)one, right = *(const unsigned *)other;
  return (left > right) - (left < right);
}

static unsigned at_share(const unsigned *sorted, double share) {
  return times.number ? sorted[(long)(share * (times.number - 1))] : 0;
}

static void report(void) {
  double seconds = (deadline - begun) / 1e9;
  qsort(times.total, times.number, sizeof *times.total, by_size);
  qsort(times.first, times.number, sizeof *times.first, by_size);
  printf("{\"answers\":%ld,\"errors\":%ld,\"status\":%d,\"per_second\":%.1f,\"p50\":%u,\"p99\":%u,\"longest\":%u,", times.number,
         seen.errors, seen.status, seen.in_time / seconds, at_share(times.total, .5), at_share(times.total, .99),
         at_share(times.total, 1));
  printf("\"first_p50\":%u,\"first_p99\":%u,\"events\":%ld,\"fewest\":%ld,\"most\":%ld,\"latest\":%lld,\"reconnects\":%ld,\"bytes\":%lld}\n",
         at_share(times.first, .5), at_share(times.first, .99), seen.events, seen.fewest < 0 ? 0 : seen.fewest, seen.most,
         seen.latest / 1000, seen.reconnects, seen.bytes);
}

static int read_request(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  fseek(file, 0, SEEK_END);
  request.length = ftell(file);
  rewind(file);
  request.at = malloc(request.length);
  int whole = request.at && fread(request.at, 1, request.length, file) == request.length;
  fclose(file);
  return whole;
}

int main(int count, char **arguments) {
  if (count < 6) return 2;
  signal(SIGPIPE, SIG_IGN);
  port = atoi(arguments[1]);
  int number = atoi(arguments[3]);
  pace = atol(arguments[5]) * 1000000LL;
  struct connection *connections = calloc(number, sizeof *connections);
  times.total = malloc(MOST_ANSWERS * sizeof *times.total);
  times.first = malloc(MOST_ANSWERS * sizeof *times.first);
  if (!read_request(arguments[2]) || !connections || !times.total || !times.first) return 2;
  if (count > 6) sample = fopen(arguments[6], "wb");
  sampled = connections;
  poller = epoll_create1(0);
  for (int each = 0; each < number; each++)
    if (!connected(&connections[each])) { printf("{\"answers\":0,\"errors\":1,\"refused\":true}\n"); return 0; }
  begun = now();
  deadline = begun + (long long)(atof(arguments[4]) * 1e9);
  for (int each = 0; each < number; each++) begin(&connections[each]);
  static char buffer[262144];
  struct epoll_event events[512];
  while (under_way && now() < deadline + PATIENCE_SECONDS * 1000000000LL) {
    int ready = epoll_wait(poller, events, 512, 200);
    for (int each = 0; each < ready; each++) {
      struct connection *connection = events[each].data.ptr;
      if (events[each].events & EPOLLOUT) send_more(connection);
      if (!(events[each].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
      ssize_t got = recv(connection->fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) feed(connection, buffer, got);
      else if (got == 0 || errno != EAGAIN) end(connection, 0);
    }
  }
  seen.errors += under_way;
  report();
  return 0;
}
