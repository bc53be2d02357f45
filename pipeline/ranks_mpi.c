/* ranks_mpi.c - ranks as MPI processes; the one file that includes <mpi.h>.
 * Gradients: buckets are exchanged by a thread of our own while backward goes on. Rank r gets the r-th
 * part of the bucket from everybody, adds it in the order of the ranks and hands the sum to all (reduce-scatter and
 * allgather, which move the fewest bytes: Patarasuk & Yuan 2009). MPI_Allreduce would leave the order to the library.
 * Where a bucket ends depends on the order of the calls alone, never on timing: all ranks must cut alike.
 * Waiting: spinning for a moment, then asleep in between, because a rank that waits for validation, or shares its core,
 * must not take the time of the one that works. */
#include "pipeline/ranks_mpi.h"

#include "core/memory.h"

#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum {
    BUCKET = 1 << 18,  /* 1 MiB: the last one has nothing to hide behind, so it should be small; but */
    MESSAGE = 1 << 14, /* 64 KiB at least from rank to rank: shorter ones cost latency */
    RING = 1024,
    TABLE = 1024,
    SHARE_MAX = 1 << 30
};

/* Numbers that wait for their turn. */
typedef struct piece {
    float *x;
    size_t len;
    bool last; /* of its bucket */
} piece;

typedef struct mpi_ranks {
    sg_ranks base; /* first */
    MPI_Comm sums, gradients;
    size_t bucket;         /* most numbers of a bucket: a multiple of count */
    double *table;         /* (count, TABLE) */
    float *packed, *parts; /* (bucket) */
    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    piece ring[RING];
    size_t put, taken, buckets; /* pieces put and taken; whole buckets that wait. Under the lock, like stop */
    bool stop;
    size_t open_len, open_pieces; /* of the last bucket, which may still grow */
} mpi_ranks;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void finish(MPI_Request *request)
{
    const struct timespec pause = {0, 50000};
    int done = 0;
    for (int tries = 0; !done; tries++) {
        if (tries > 2000)
            (void)nanosleep(&pause, NULL);
        else if (tries > 200)
            (void)sched_yield();
        (void)MPI_Test(request, &done, MPI_STATUS_IGNORE);
    }
}

/* ---- small sums, in the caller's thread ---- */
static void sum(sg_ranks *base, double *x, size_t len)
{
    mpi_ranks *r = (mpi_ranks *)base;
    for (size_t begin = 0; begin < len; begin += TABLE) {
        const size_t n = least(len - begin, TABLE);
        MPI_Request request;
        (void)MPI_Iallgather(x + begin, (int)n, MPI_DOUBLE, r->table, (int)n, MPI_DOUBLE, r->sums, &request);
        finish(&request);
        for (size_t i = 0; i < n; i++) {
            double total = r->table[i];
            for (size_t k = 1; k < (size_t)base->count; k++) total += r->table[k * n + i];
            x[begin + i] = total;
        }
    }
}

static void share(sg_ranks *base, void *data, size_t bytes)
{
    for (size_t begin = 0; begin < bytes; begin += SHARE_MAX) {
        MPI_Request request;
        (void)MPI_Ibcast((char *)data + begin, (int)least(bytes - begin, SHARE_MAX), MPI_BYTE, 0,
                         ((mpi_ranks *)base)->sums, &request);
        finish(&request);
    }
}

/* ---- gradients ---- */

/* Copies the pieces from `first` up to the end of their bucket to `packed` or back; returns how many numbers. */
static size_t copy_pieces(mpi_ranks *r, size_t first, const float *from, size_t *end)
{
    size_t len = 0;
    *end = first;
    do {
        const piece *p = &r->ring[*end % RING];
        if (from != NULL)
            memcpy(p->x, from + len, p->len * sizeof(float));
        else
            memcpy(r->packed + len, p->x, p->len * sizeof(float));
        len += p->len;
    } while (!r->ring[(*end)++ % RING].last);
    return len;
}

/* The next bucket. */
static void exchange(mpi_ranks *r)
{
    size_t end;
    MPI_Request request;
    const size_t count = (size_t)r->base.count, len = copy_pieces(r, r->taken, NULL, &end);
    const size_t part = (len + count - 1) / count;
    memset(r->packed + len, 0, (part * count - len) * sizeof(float));
    (void)MPI_Ialltoall(r->packed, (int)part, MPI_FLOAT, r->parts, (int)part, MPI_FLOAT, r->gradients, &request);
    finish(&request);
    for (size_t k = 1; k < count; k++)
        for (size_t i = 0; i < part; i++) r->parts[i] += r->parts[k * part + i];
    (void)MPI_Iallgather(r->parts, (int)part, MPI_FLOAT, r->packed, (int)part, MPI_FLOAT, r->gradients, &request);
    finish(&request);
    (void)copy_pieces(r, r->taken, r->packed, &end);
    (void)pthread_mutex_lock(&r->lock);
    r->taken = end;
    r->buckets--;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

static void *run(void *context)
{
    mpi_ranks *r = context;
    for (;;) {
        (void)pthread_mutex_lock(&r->lock);
        while (r->buckets == 0 && !r->stop) (void)pthread_cond_wait(&r->changed, &r->lock);
        const bool work = r->buckets > 0;
        (void)pthread_mutex_unlock(&r->lock);
        if (!work) return NULL;
        exchange(r);
    }
}

/* Ends the open bucket. Under the lock. */
static void close_bucket(mpi_ranks *r)
{
    r->ring[(r->put - 1) % RING].last = true;
    r->buckets++;
    r->open_len = r->open_pieces = 0;
    (void)pthread_cond_broadcast(&r->changed);
}

static void put(mpi_ranks *r, float *x, size_t len)
{
    (void)pthread_mutex_lock(&r->lock);
    while (r->put - r->taken == RING) (void)pthread_cond_wait(&r->changed, &r->lock);
    r->ring[r->put++ % RING] = (piece){x, len, false};
    r->open_len += len;
    r->open_pieces++;
    const bool full = r->open_len == r->bucket || r->open_pieces == RING / 4;
    if (full) close_bucket(r);
    (void)pthread_mutex_unlock(&r->lock);
    if (full && !r->threaded) exchange(r);
}

static void add(sg_ranks *base, float *x, size_t len)
{
    mpi_ranks *r = (mpi_ranks *)base;
    while (len > 0) {
        const size_t n = least(len, r->bucket - r->open_len);
        put(r, x, n);
        x += n;
        len -= n;
    }
}

static void wait(sg_ranks *base)
{
    mpi_ranks *r = (mpi_ranks *)base;
    (void)pthread_mutex_lock(&r->lock);
    const bool rest = r->open_pieces > 0;
    if (rest) close_bucket(r);
    while (r->threaded && r->taken != r->put) (void)pthread_cond_wait(&r->changed, &r->lock);
    (void)pthread_mutex_unlock(&r->lock);
    if (rest && !r->threaded) exchange(r);
}

/* ---- opening ---- */
static sg_status prepare(mpi_ranks *r, int launched, bool several_threads)
{
    const size_t count = (size_t)r->base.count, part = BUCKET / count;
    r->bucket = count * (part > MESSAGE ? part : MESSAGE);
    if (r->base.count != launched)
        SG_FAIL(SG_E_USAGE,
                "the launcher started %d processes, MPI sees %d: mpirun is of another MPI than this program", launched,
                r->base.count);
    (void)MPI_Comm_dup(MPI_COMM_WORLD, &r->sums);
    (void)MPI_Comm_dup(MPI_COMM_WORLD, &r->gradients);
    SG_TRY(SG_ALLOC(&r->table, count * TABLE, "exchange"));
    SG_TRY(SG_ALLOC(&r->packed, r->bucket, "exchange"));
    SG_TRY(SG_ALLOC(&r->parts, r->bucket, "exchange"));
    r->threaded = several_threads && pthread_create(&r->thread, NULL, run, r) == 0;
    return SG_OK;
}

sg_status sg_ranks_mpi_open(sg_ranks **out, int launched)
{
    int threads = MPI_THREAD_SINGLE;
    mpi_ranks *r;
    *out = NULL;
    SG_TRY(SG_ALLOC(&r, 1, "ranks"));
    *r = (mpi_ranks){.base = {.sum = sum, .add = add, .wait = wait, .share = share}};
    (void)MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &threads);
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &r->base.rank);
    (void)MPI_Comm_size(MPI_COMM_WORLD, &r->base.count);
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->changed, NULL);
    const sg_status status = prepare(r, launched, threads == MPI_THREAD_MULTIPLE);
    if (status == SG_OK)
        *out = &r->base;
    else
        sg_ranks_mpi_close(&r->base);
    return status;
}

void sg_ranks_mpi_close(sg_ranks *base)
{
    mpi_ranks *r = (mpi_ranks *)base;
    if (r == NULL) return;
    (void)pthread_mutex_lock(&r->lock);
    r->stop = true;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
    if (r->threaded) (void)pthread_join(r->thread, NULL);
    (void)pthread_mutex_destroy(&r->lock);
    (void)pthread_cond_destroy(&r->changed);
    sg_free(r->table);
    sg_free(r->packed);
    sg_free(r->parts);
    sg_free(r);
    (void)MPI_Finalize();
}
