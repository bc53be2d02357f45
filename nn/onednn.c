/* onednn.c - convolutions by oneDNN, API 2.x and 3.x. Nothing else in the program includes the library. */
#include "nn/onednn.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SRC, WEIGHTS, BIAS, DST, SCRATCH, ROLES };

/* What one thread needs to run the primitive. */
typedef struct sg_dnn_slot {
    dnnl_stream_t stream;
    dnnl_memory_t memory[ROLES];
} sg_dnn_slot;

struct sg_dnn {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    sg_dnn_direction direction;
    bool bias;
    const char *name;
    int threads;
    sg_dnn_slot *slot; /* (threads) */
};

static dnnl_engine_t engine;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

static void engine_make(void)
{
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success) engine = NULL;
}

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t memory_desc;
typedef const_dnnl_memory_desc_t const_memory_desc;
#define DESC_OF(d) (*(d))
static dnnl_status_t memory_desc_make(memory_desc *out, int ndims, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(out, ndims, dims, dnnl_f32, tag);
}
static void memory_desc_drop(memory_desc *d)
{
    if (*d) dnnl_memory_desc_destroy(*d);
}
#else
typedef dnnl_memory_desc_t memory_desc;
typedef const dnnl_memory_desc_t *const_memory_desc;
#define DESC_OF(d) (d)
static dnnl_status_t memory_desc_make(memory_desc *out, int ndims, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(out, ndims, dims, dnnl_f32, tag);
}
static void memory_desc_drop(memory_desc *d)
{
    (void)d;
}
#endif

static bool has_isa(dnnl_cpu_isa_t isa)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)isa) == (unsigned)isa; /* a set of bits */
}

int sg_dnn_block(void)
{
    return has_isa(dnnl_cpu_isa_avx512_core) ? 16 : has_isa(dnnl_cpu_isa_avx2) ? 8 : 0;
}

/* The library's names of the layouts, for blocks of 8 and of 16. */
enum { DATA_TAG, WEIGHTS_TAG, INPUT_LAST_TAG };
static dnnl_format_tag_t tag_of(const sg_dnn_problem *p, int which)
{
    static const dnnl_format_tag_t tags[2][3] = {
        {dnnl_nChw8c, dnnl_OIhw8i8o, dnnl_OIhw8o8i},
        {dnnl_nChw16c, dnnl_OIhw16i16o, dnnl_OIhw16o16i},
    };
    return tags[p->block == 16][which];
}

static dnnl_format_tag_t weights_tag(const sg_dnn_problem *p)
{
    return tag_of(p, sg_dnn_input_last(p) ? INPUT_LAST_TAG : WEIGHTS_TAG);
}

static dnnl_status_t describe_memory(memory_desc md[4], const sg_dnn_problem *p)
{
    const dnnl_dims_t src = {p->n, p->ic, p->h, p->w}, weights = {p->oc, p->ic, p->k, p->k}, bias = {p->oc};
    const dnnl_dims_t dst = {p->n, p->oc, p->h, p->w};
    dnnl_status_t status = memory_desc_make(&md[SRC], 4, src, tag_of(p, DATA_TAG));
    if (status == dnnl_success) status = memory_desc_make(&md[WEIGHTS], 4, weights, weights_tag(p));
    if (status == dnnl_success) status = memory_desc_make(&md[BIAS], 1, bias, dnnl_x);
    if (status == dnnl_success) status = memory_desc_make(&md[DST], 4, dst, tag_of(p, DATA_TAG));
    return status;
}

static dnnl_status_t make_attributes(dnnl_primitive_attr_t *out, const sg_dnn_problem *p)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(out);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user);
    if (status != dnnl_success || !p->relu) return status;
    status = dnnl_post_ops_create(&ops);
#if DNNL_VERSION_MAJOR >= 3
    if (status == dnnl_success) status = dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, p->slope, 0);
#else
    if (status == dnnl_success) status = dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, p->slope, 0);
#endif
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(*out, ops);
    if (ops) dnnl_post_ops_destroy(ops);
    return status;
}

/* The primitive descriptor itself: the one call that differs between the versions. */
static dnnl_status_t convolution_desc(dnnl_primitive_desc_t *out, const sg_dnn_problem *p, memory_desc md[4],
                                      const_dnnl_primitive_attr_t attr)
{
    const dnnl_dims_t stride = {1, 1}, pad = {p->k / 2, p->k / 2};
    const dnnl_alg_kind_t alg = p->winograd ? dnnl_convolution_winograd : dnnl_convolution_direct;
    const_memory_desc bias = p->bias ? DESC_OF(&md[BIAS]) : NULL;
    const_memory_desc src = DESC_OF(&md[SRC]), weights = DESC_OF(&md[WEIGHTS]), dst = DESC_OF(&md[DST]);
#if DNNL_VERSION_MAJOR >= 3
    const dnnl_dims_t dilate = {0, 0};
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t status = dnnl_success;
    if (p->direction == SG_DNN_FORWARD)
        return dnnl_convolution_forward_primitive_desc_create(out, engine, dnnl_forward_training, alg, src, weights,
                                                              bias, dst, stride, dilate, pad, pad, attr);
    if (p->direction == SG_DNN_DATA)
        status = dnnl_convolution_backward_data_primitive_desc_create(out, engine, alg, src, weights, dst, stride,
                                                                      dilate, pad, pad, hint, attr);
    else
        status = dnnl_convolution_backward_weights_primitive_desc_create(out, engine, alg, src, weights, NULL, dst,
                                                                         stride, dilate, pad, pad, hint, attr);
    return status;
#else
    dnnl_convolution_desc_t d;
    dnnl_status_t status;
    if (p->direction == SG_DNN_FORWARD)
        status = dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, alg, src, weights, bias, dst, stride,
                                                    pad, pad);
    else if (p->direction == SG_DNN_DATA)
        status = dnnl_convolution_backward_data_desc_init(&d, alg, src, weights, dst, stride, pad, pad);
    else
        status = dnnl_convolution_backward_weights_desc_init(&d, alg, src, weights, NULL, dst, stride, pad, pad);
    if (status == dnnl_success) status = dnnl_primitive_desc_create(out, &d, attr, engine, NULL);
    return status;
#endif
}

/* NULL if the library cannot do it, or only by its reference code. */
static dnnl_primitive_desc_t desc_make(const sg_dnn_problem *p)
{
    const int threads = omp_get_max_threads();
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t desc = NULL;
    memory_desc md[4];
    const char *name = NULL;
    memset(md, 0, sizeof md);
    pthread_once(&engine_once, engine_make);
    if (!engine || !sg_dnn_block()) return NULL;
    omp_set_num_threads(1); /* the library plans its work for so many */
    if (describe_memory(md, p) == dnnl_success && make_attributes(&attr, p) == dnnl_success &&
        convolution_desc(&desc, p, md, attr) != dnnl_success)
        desc = NULL;
    omp_set_num_threads(threads);
    for (int i = 0; i < 4; i++) memory_desc_drop(&md[i]);
    if (attr) dnnl_primitive_attr_destroy(attr);
    if (desc &&
        (dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) != dnnl_success || strstr(name, "ref"))) {
        dnnl_primitive_desc_destroy(desc);
        desc = NULL;
    }
    return desc;
}

bool sg_dnn_has(const sg_dnn_problem *problem)
{
    dnnl_primitive_desc_t desc = desc_make(problem);
    if (desc) dnnl_primitive_desc_destroy(desc);
    return desc != NULL;
}

size_t sg_dnn_scratch(const sg_dnn_problem *problem)
{
    dnnl_primitive_desc_t desc = desc_make(problem);
    size_t bytes = 0;
    if (!desc) return 0;
    bytes = dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0));
    dnnl_primitive_desc_destroy(desc);
    return bytes;
}

/* What the library calls src, weights, bias and dst in this direction. */
static const struct {
    dnnl_query_t query[4];
    int argument[4];
} roles[] = {
    [SG_DNN_FORWARD] = {{dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_weights_md, dnnl_query_dst_md},
                        {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST}},
    [SG_DNN_DATA] = {{dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_undef, dnnl_query_diff_dst_md},
                     {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, 0, DNNL_ARG_DIFF_DST}},
    [SG_DNN_WEIGHTS] = {{dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_undef, dnnl_query_diff_dst_md},
                        {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, 0, DNNL_ARG_DIFF_DST}},
};

static dnnl_status_t slot_make(sg_dnn_slot *slot, const sg_dnn *dnn)
{
    dnnl_status_t status = dnnl_stream_create(&slot->stream, engine, dnnl_stream_default_flags);
    for (int i = 0; i < ROLES && status == dnnl_success; i++) {
        const dnnl_query_t query = i == SCRATCH ? dnnl_query_scratchpad_md : roles[dnn->direction].query[i];
        if (i == BIAS && !dnn->bias) continue;
        status = dnnl_memory_create(&slot->memory[i], dnnl_primitive_desc_query_md(dnn->desc, query, i == BIAS ? 1 : 0),
                                    engine, DNNL_MEMORY_NONE);
    }
    return status;
}

sg_status sg_dnn_new(sg_dnn **out, const sg_dnn_problem *problem, int threads)
{
    sg_dnn *dnn = calloc(1, sizeof *dnn);
    sg_dnn_slot *slot = calloc((size_t)threads, sizeof *slot);
    dnnl_status_t status = dnnl_out_of_memory;
    const int all = omp_get_max_threads();
    *out = dnn;
    if (!dnn || !slot) {
        free(slot);
        SG_FAIL(SG_E_MEMORY, "convolution: out of memory");
    }
    *dnn = (sg_dnn){.direction = problem->direction, .bias = problem->bias, .threads = threads, .slot = slot};
    dnn->desc = desc_make(problem);
    if (!dnn->desc) SG_FAIL(SG_E_STATE, "oneDNN has no fast kernel for this convolution");
    dnnl_primitive_desc_query(dnn->desc, dnnl_query_impl_info_str, 0, &dnn->name);
    omp_set_num_threads(1);
    status = dnnl_primitive_create(&dnn->primitive, dnn->desc);
    omp_set_num_threads(all);
    for (int i = 0; i < threads && status == dnnl_success; i++) status = slot_make(&slot[i], dnn);
    if (status != dnnl_success)
        SG_FAIL(SG_E_MEMORY, "oneDNN: a convolution could not be created (status %d)", (int)status);
    return SG_OK;
}

void sg_dnn_free(sg_dnn *dnn)
{
    if (!dnn) return;
    for (int i = 0; i < dnn->threads; i++) {
        for (int role = 0; role < ROLES; role++)
            if (dnn->slot[i].memory[role]) dnnl_memory_destroy(dnn->slot[i].memory[role]);
        if (dnn->slot[i].stream) dnnl_stream_destroy(dnn->slot[i].stream);
    }
    if (dnn->primitive) dnnl_primitive_destroy(dnn->primitive);
    if (dnn->desc) dnnl_primitive_desc_destroy(dnn->desc);
    free(dnn->slot);
    free(dnn);
}

const char *sg_dnn_name(const sg_dnn *dnn)
{
    return dnn && dnn->name ? dnn->name : "none";
}

void sg_dnn_run(const sg_dnn *dnn, int thread, float *src, float *weights, float *bias, float *dst, void *scratch)
{
    const sg_dnn_slot *slot = &dnn->slot[thread];
    void *const pointer[ROLES] = {src, weights, bias, dst, scratch};
    dnnl_exec_arg_t args[ROLES];
    int count = 0;
    for (int i = 0; i < ROLES; i++) {
        if (!slot->memory[i]) continue;
        dnnl_memory_set_data_handle(slot->memory[i], pointer[i]);
        args[count++] =
            (dnnl_exec_arg_t){i == SCRATCH ? DNNL_ARG_SCRATCHPAD : roles[dnn->direction].argument[i], slot->memory[i]};
    }
    dnnl_primitive_execute(dnn->primitive, slot->stream, count, args);
}
