/* Adds to a number in the daemon's store so that no addition is lost, even if others do the same: it reads the number,
 * works, and writes the sum, all under one lease.
 *
 *     add LEASE KEY AMOUNT [ROUNDS]
 *
 * The work takes ROUNDS rounds; after each the lease is renewed. The sum is written with the fence, so a program that was
 * stopped for too long writes nothing.
 *
 * There is one connection, and the lease is bound to it: however this program ends, even by an unhandled signal, the
 * kernel closes the connection, and the lease is free. So a lost connection is not made again: it ends the program,
 * which its caller may start again. (After a restart of the daemon the lease ends by time.)
 *
 * Exit status: 0 written, 64 usage, 65 the key's value is not a number, 69 the daemon cannot be reached, 70 it refused,
 * 75 others held the lease for too long, 76 the lease was lost and nothing was written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* In seconds: the lease's TTL, how long to wait for other holders, and how long for an answer of the daemon. */
enum { TTL = 30, PATIENCE = 120, ANSWER = 10 };

enum { USAGE = 64, NO_NUMBER = 65, UNREACHABLE = 69, REFUSED = 70, HELD = 75, LOST = 76 };

struct lease {
    redisContext *connection;
    const char *name;
    long long fence;    /* the token of the grant, for writes */
    long long token;    /* the newest token, to renew and release */
    long long deadline; /* on the clock of now(): before it nobody else is granted */
};

static _Noreturn void fail(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("add: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(status);
}

/* Milliseconds on the clock of leases, which counts suspended time and cannot be set. */
static long long now(void)
{
    struct timespec time;
    if (clock_gettime(CLOCK_BOOTTIME, &time) != 0) fail(REFUSED, "there is no clock: %s", strerror(errno));
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static redisContext *reach(void)
{
    const char *path = getenv("LEASED_SOCKET");
    if (path == NULL || *path == '\0') path = "/run/leased/leased.sock";
    redisContext *connection = redisConnectUnixWithTimeout(path, (struct timeval){.tv_sec = ANSWER});
    if (connection == NULL) fail(UNREACHABLE, "out of memory");
    if (connection->err) fail(UNREACHABLE, "cannot reach the daemon at %s: %s", path, connection->errstr);
    return connection;
}

/* Sends a command, and returns its reply. Each %s and %lld is one argument for hiredis, whatever bytes it contains. */
static redisReply *ask(redisContext *connection, int seconds, const char *format, ...)
{
    if (redisSetTimeout(connection, (struct timeval){.tv_sec = seconds}) != REDIS_OK)
        fail(UNREACHABLE, "cannot set a timeout: %s", connection->errstr);
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(connection, format, arguments);
    va_end(arguments);
    if (reply == NULL) fail(UNREACHABLE, "%s; whether the last command was done is unknown", connection->errstr);
    return reply;
}

/* Whether a reply is the error with this word. */
static int is_error(const redisReply *reply, const char *word)
{
    size_t length = strlen(word);
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, word, length) == 0 && reply->str[length] == ' ';
}

/* Ends the program if a reply is an error. */
static void require(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR) return;
    if (is_error(reply, "TIMEOUT")) fail(HELD, "%s", reply->str);
    if (is_error(reply, "EXPIRED") || is_error(reply, "REVOKED")) fail(LOST, "%s", reply->str);
    fail(REFUSED, "%s", reply->str);
}

static long long take_integer(redisReply *reply)
{
    require(reply);
    if (reply->type != REDIS_REPLY_INTEGER) fail(REFUSED, "the daemon's answer is no integer");
    long long integer = reply->integer;
    freeReplyObject(reply);
    return integer;
}

/* Waits for the lease, in its queue. */
static struct lease acquire(redisContext *connection, const char *name)
{
    struct lease lease = {.connection = connection, .name = name};
    lease.fence = take_integer(
        ask(connection, PATIENCE + ANSWER, "ACQUIRE %s %ds WAIT %ds BIND", name, TTL, PATIENCE));
    lease.token = lease.fence;
    /* A grant after a wait may be older than it looks, so this asks for the remaining time. It counts from before the
     * question was sent: the deadline may be too early, but never too late. */
    long long asked = now();
    lease.deadline = asked + take_integer(ask(connection, ANSWER, "CHECK %s %lld", name, lease.token));
    return lease;
}

static void renew(struct lease *lease)
{
    long long asked = now();
    lease->token = take_integer(
        ask(lease->connection, ANSWER, "RENEW %s %lld %ds", lease->name, lease->token, TTL));
    lease->deadline = asked + TTL * 1000LL;
}

static void release(const struct lease *lease)
{
    redisReply *reply = ask(lease->connection, ANSWER, "RELEASE %s %lld", lease->name, lease->token);
    /* If the lease has already ended, that is not a failure: everything has been written. */
    if (!is_error(reply, "EXPIRED")) require(reply);
    freeReplyObject(reply);
}

static long long parse(const char *text, int status, const char *what)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0) fail(status, "%s is '%s', and not a number", what, text);
    return number;
}

/* The number under a key, 0 if there is none. */
static long long get(redisContext *connection, const char *key)
{
    redisReply *reply = ask(connection, ANSWER, "GET %s", key);
    require(reply);
    long long number = reply->type == REDIS_REPLY_NIL ? 0 : parse(reply->str, NO_NUMBER, key);
    freeReplyObject(reply);
    return number;
}

/* Writes a number if the lease is still held; the daemon checks and writes in one step. */
static void put(const struct lease *lease, const char *key, long long number)
{
    redisReply *reply =
        ask(lease->connection, ANSWER, "PUT %s %lld IF %s %lld", key, number, lease->name, lease->fence);
    require(reply);
    freeReplyObject(reply);
}

/* A part of the work. It must take less than the TTL. */
static void work(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
}

int main(int count, char **arguments)
{
    if (count < 4 || count > 5) {
        fputs("usage: add LEASE KEY AMOUNT [ROUNDS]\n", stderr);
        return USAGE;
    }
    const char *key = arguments[2];
    long long amount = parse(arguments[3], USAGE, "AMOUNT");
    long long rounds = count == 5 ? parse(arguments[4], USAGE, "ROUNDS") : 1;

    /* A daemon that went away makes the next command fail, and must not end this program. */
    signal(SIGPIPE, SIG_IGN);
    redisContext *connection = reach();
    struct lease lease = acquire(connection, arguments[1]);
    fprintf(stderr, "add: holds '%s', fence %lld\n", lease.name, lease.fence);
    long long sum;
    if (__builtin_add_overflow(get(connection, key), amount, &sum)) fail(NO_NUMBER, "the sum is too great");
    while (rounds-- > 0) {
        /* This program may have been stopped since the last reply. */
        if (now() >= lease.deadline) fail(LOST, "the time of the lease is over");
        work();
        renew(&lease);
    }
    put(&lease, key, sum);
    release(&lease);
    redisFree(connection);
    printf("%lld\n", sum);
    return 0;
}
