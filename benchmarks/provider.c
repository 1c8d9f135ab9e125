/* The fake provider: answers every request with prepared bytes, far faster than any server that is measured with it.
 *
 *   provider PORT FOLDER
 *
 * FOLDER holds NAME.json (a whole answer) and NAME.sse (a stream) for openai, anthropic and gemini; which one is meant
 * is read from the path. A stream is asked for by "stream":true in the body, of Gemini by the path. Each event of a
 * stream is a chunk and a send() of its own.
 *
 *   GET /control?think_ms=50&pause_us=10000   time before an answer begins, time between two events
 *   GET /count                                how many requests and connections there were so far, as JSON
 *
 * One thread, epoll. Both delays are the same for everybody, so that what waits is in order: a queue for each will do.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_EVENTS 4096
#define MOST_CONNECTIONS 65536
#define READ_AT_ONCE 65536

struct bytes { char *at; size_t length; };

struct dialect {
  const char *name, *path;           /* what is in the path of a request in this dialect */
  const char *boundary;              /* what ends an event */
  struct bytes plain, stream_head;   /* with the head of the HTTP answer */
  struct bytes event[MOST_EVENTS];   /* each as a chunk */
  int events;
};

static struct dialect dialects[] = {
  {.name = "gemini", .path = "enerateContent", .boundary = "\r\n\r\n"},
  {.name = "anthropic", .path = "/messages", .boundary = "\n\n"},
  {.name = "openai", .path = "/chat/completions", .boundary = "\n\n"},
};
#define DIALECTS (sizeof dialects / sizeof *dialects)

struct connection {
  int fd;
  int gone;                          /* closed, and only a queue still knows it */
  int waits;                         /* it is in a queue */
  char *input;
  size_t length, room, head;         /* bytes read, space, length of the request's head once it is known */
  struct bytes unsent;               /* what the socket did not take */
  const struct dialect *dialect;
  int streams, next;                 /* whether the answer is a stream; its next event, -1 before its head */
  long long due;
  struct connection *behind;
};

struct queue { struct connection *first, *last; };

static struct queue thinking, pausing;
static long long think_ns, pause_ns;
static long requests, connections;
static int poller;

static void fail(const char *what) { perror(what); exit(1); }

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void *grown(void *memory, size_t size) {
  void *more = realloc(memory, size);
  if (!more) fail("realloc");
  return more;
}

/* ---- connections */

static void watch(struct connection *connection, int operation, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = connection};
  epoll_ctl(poller, operation, connection->fd, &event);
}

static void release(struct connection *connection) {
  free(connection->input);
  free(connection->unsent.at);
  free(connection);
}

static void hang_up(struct connection *connection) {
  close(connection->fd);
  connection->gone = 1;
  if (!connection->waits) release(connection);
}

static void wait_in(struct queue *queue, struct connection *connection, long long due) {
  connection->due = due;
  connection->waits = 1;
  connection->behind = NULL;
  if (queue->last) queue->last->behind = connection; else queue->first = connection;
  queue->last = connection;
}

/* 0: sent, or kept until the socket takes it. -1: the other side is gone. */
static int put(struct connection *connection, struct bytes bytes) {
  if (!connection->unsent.length) {
    ssize_t sent = send(connection->fd, bytes.at, bytes.length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return -1;
    if (sent > 0) { bytes.at += sent; bytes.length -= sent; }
    if (!bytes.length) return 0;
    watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
  }
  connection->unsent.at = grown(connection->unsent.at, connection->unsent.length + bytes.length);
  memcpy(connection->unsent.at + connection->unsent.length, bytes.at, bytes.length);
  connection->unsent.length += bytes.length;
  return 0;
}

static int flush(struct connection *connection) {
  struct bytes *unsent = &connection->unsent;
  ssize_t sent = send(connection->fd, unsent->at, unsent->length, MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN ? 0 : -1;
  memmove(unsent->at, unsent->at + sent, unsent->length - sent);
  unsent->length -= sent;
  if (!unsent->length) watch(connection, EPOLL_CTL_MOD, EPOLLIN);
  return 0;
}

/* ---- answers */

/* The answer, or of a paced stream what is due of it. */
static int go_on(struct connection *connection) {
  const struct dialect *dialect = connection->dialect;
  if (!connection->streams) return put(connection, dialect->plain);
  if (connection->next < 0) {
    connection->next = 0;
    connection->due = now();
    if (put(connection, dialect->stream_head)) return -1;
  }
  while (connection->next < dialect->events) {
    if (put(connection, dialect->event[connection->next++])) return -1;
    if (pause_ns && connection->next < dialect->events) {
      wait_in(&pausing, connection, connection->due + pause_ns); /* from when it was due: delays do not add up */
      break;
    }
  }
  return 0;
}

static int say(struct connection *connection, const char *format, ...) {
  char body[256], all[512];
  va_list values;
  va_start(values, format);
  vsnprintf(body, sizeof body, format, values);
  va_end(values);
  int length = snprintf(all, sizeof all, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                        strlen(body), body);
  return put(connection, (struct bytes){all, length});
}

static int asks_for_stream(const char *body, size_t length) {
  return memmem(body, length, "\"stream\":true", 13) || memmem(body, length, "\"stream\": true", 14);
}

/* One whole request; its head ends with a zero in place of its last byte. */
static int answer(struct connection *connection, const char *head, const char *body, size_t length) {
  char line[2048];
  snprintf(line, sizeof line, "%.*s", (int)strcspn(head, "\r"), head);
  if (strstr(line, "GET /control?")) {
    long think_ms = 0, pause_us = 0;
    sscanf(strstr(line, "?"), "?think_ms=%ld&pause_us=%ld", &think_ms, &pause_us);
    think_ns = think_ms * 1000000LL;
    pause_ns = pause_us * 1000LL;
    return say(connection, "{}");
  }
  if (strstr(line, "GET /count")) return say(connection, "{\"requests\":%ld,\"connections\":%ld}", requests, connections);
  for (size_t each = 0; each < DIALECTS; each++) {
    if (!strstr(line, dialects[each].path)) continue;
    requests++;
    connection->dialect = &dialects[each];
    connection->streams = each == 0 ? strstr(line, "streamGenerateContent") != NULL : asks_for_stream(body, length);
    connection->next = -1;
    if (!think_ns) return go_on(connection);
    wait_in(&thinking, connection, now() + think_ns);
    return 0;
  }
  return say(connection, "{\"object\":\"list\",\"data\":[]}");
}

/* ---- requests */

/* The length of the request's body, -1 while it is not known: a chunked one is not read before it is whole. */
static long body_length(const struct connection *connection) {
  const char *head = connection->input, *body = head + connection->head;
  size_t there = connection->length - connection->head;
  const char *field = strcasestr(head, "\r\ncontent-length:");
  if (field) return strtol(field + 17, NULL, 10);
  if (!strcasestr(head, "\r\ntransfer-encoding: chunked")) return 0;
  if (there >= 5 && !memcmp(body, "0\r\n\r\n", 5)) return 5;
  const char *end = memmem(body, there, "\r\n0\r\n\r\n", 7);
  return end ? end + 7 - body : -1;
}

/* Answer the requests that are whole. */
static int serve(struct connection *connection) {
  while (connection->length) {
    if (connection->waits) return -1; /* a request before the answer to the last one: no client here does that */
    if (!connection->head) {
      char *end = memmem(connection->input, connection->length, "\r\n\r\n", 4);
      if (!end) return 0;
      end[3] = 0;
      connection->head = end + 4 - connection->input;
      if (strcasestr(connection->input, "\r\nexpect: 100-continue") &&
          put(connection, (struct bytes){"HTTP/1.1 100 Continue\r\n\r\n", 25}))
        return -1;
    }
    long body = body_length(connection);
    if (body < 0 || connection->length < connection->head + body) return 0;
    if (answer(connection, connection->input, connection->input + connection->head, body)) return -1;
    size_t used = connection->head + body;
    memmove(connection->input, connection->input + used, connection->length - used);
    connection->length -= used;
    connection->head = 0;
  }
  return 0;
}

static int take(struct connection *connection) {
  for (;;) {
    if (connection->room - connection->length < READ_AT_ONCE)
      connection->input = grown(connection->input, connection->room = 2 * connection->room + READ_AT_ONCE);
    ssize_t got = recv(connection->fd, connection->input + connection->length, READ_AT_ONCE, 0);
    if (got == 0) return -1;
    if (got < 0) return errno == EAGAIN ? 0 : -1;
    connection->length += got;
    if (serve(connection)) return -1;
    if (got < READ_AT_ONCE) return 0;
  }
}

static void welcome(int listener) {
  int fd, yes = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) fail("calloc");
    connection->fd = fd;
    connections++;
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
  }
}

static void serve_due(struct queue *queue) {
  long long time = now();
  while (queue->first && queue->first->due <= time) {
    struct connection *connection = queue->first;
    queue->first = connection->behind;
    if (!queue->first) queue->last = NULL;
    connection->waits = 0;
    if (connection->gone) release(connection);
    else if (go_on(connection)) hang_up(connection);
  }
}

/* ---- the start */

static struct bytes joined(const char *head, struct bytes body, const char *tail) {
  struct bytes all = {grown(NULL, strlen(head) + body.length + strlen(tail) + 1), 0};
  all.length = strlen(head) + body.length + strlen(tail);
  memcpy(all.at, head, strlen(head));
  memcpy(all.at + strlen(head), body.at, body.length);
  memcpy(all.at + strlen(head) + body.length, tail, strlen(tail) + 1);
  return all;
}

static struct bytes file(const char *folder, const char *name, const char *kind) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.%s", folder, name, kind);
  FILE *stream = fopen(path, "rb");
  if (!stream) fail(path);
  struct bytes bytes = {grown(NULL, 1 << 20), 0};
  bytes.length = fread(bytes.at, 1, (1 << 20) - 1, stream);
  bytes.at[bytes.length] = 0;
  fclose(stream);
  return bytes;
}

static void prepare(struct dialect *dialect, const char *folder) {
  static const char common[] = "date: Tue, 06 Jan 2026 10:00:00 GMT\r\nx-request-id: req_7c1e90aa54d24f0f9b6f0c2f4f1f7b11\r\n";
  char head[512];
  struct bytes plain = file(folder, dialect->name, "json");
  snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%scontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", common, plain.length);
  dialect->plain = joined(head, plain, "");
  snprintf(head, sizeof head,
           "HTTP/1.1 200 OK\r\n%scontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n", common);
  dialect->stream_head = joined(head, (struct bytes){"", 0}, "");
  char *rest = file(folder, dialect->name, "sse").at, *end;
  while ((end = strstr(rest, dialect->boundary)) && dialect->events < MOST_EVENTS) {
    end += strlen(dialect->boundary);
    snprintf(head, sizeof head, "%zx\r\n", (size_t)(end - rest));
    const char *tail = strstr(end, dialect->boundary) ? "\r\n" : "\r\n0\r\n\r\n";
    dialect->event[dialect->events++] = joined(head, (struct bytes){rest, end - rest}, tail);
    rest = end;
  }
}

static int listening(int port) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) fail("listen");
  return listener;
}

static int milliseconds_until_due(void) {
  long long due = -1;
  if (thinking.first) due = thinking.first->due;
  if (pausing.first && (due < 0 || pausing.first->due < due)) due = pausing.first->due;
  if (due < 0) return -1;
  long long left = due - now();
  return left <= 0 ? 0 : (int)((left + 999999) / 1000000);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  signal(SIGPIPE, SIG_IGN);
  for (size_t each = 0; each < DIALECTS; each++) prepare(&dialects[each], arguments[2]);
  int listener = listening(atoi(arguments[1]));
  poller = epoll_create1(0);
  struct epoll_event first = {.events = EPOLLIN, .data.ptr = NULL}, events[512];
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &first);
  for (;;) {
    int ready = epoll_wait(poller, events, 512, milliseconds_until_due());
    for (int each = 0; each < ready; each++) {
      struct connection *connection = events[each].data.ptr;
      if (!connection) welcome(listener);
      else if ((events[each].events & EPOLLOUT && flush(connection)) ||
               (events[each].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && take(connection)))
        hang_up(connection);
    }
    serve_due(&thinking);
    serve_due(&pausing);
  }
}
