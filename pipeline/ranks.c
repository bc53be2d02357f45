/* ranks.c - agreement between ranks, made of ordered sums. */
#include "pipeline/ranks.h"

bool sg_ranks_lead(const sg_ranks *ranks)
{
    return ranks == NULL || ranks->rank == 0;
}

bool sg_ranks_any(sg_ranks *ranks, bool here)
{
    double votes = here;
    sg_ranks_sum(ranks, &votes, 1);
    return votes > 0;
}

enum { VOTES = 64 };

/* The lowest rank with here > 0, and its number; rank 0 and 0 if there is none. */
static void lowest(sg_ranks *ranks, int here, int *rank, int *value)
{
    *rank = *value = 0;
    for (int first = 0; first < ranks->count && *value == 0; first += VOTES) {
        double vote[VOTES] = {0};
        if (ranks->rank >= first && ranks->rank < first + VOTES) vote[ranks->rank - first] = here;
        ranks->sum(ranks, vote, VOTES);
        for (int i = VOTES - 1; i >= 0; i--)
            if (vote[i] > 0) *rank = first + i, *value = (int)vote[i];
    }
}

sg_status sg_ranks_agree(sg_ranks *ranks, sg_status status)
{
    int speaker, worst;
    if (ranks == NULL) return status;
    if (ranks->failure != SG_OK) return (sg_status)ranks->failure;
    if (!sg_ranks_any(ranks, status != SG_OK)) return SG_OK;
    lowest(ranks, status != SG_OK && sg_error_text()[0] != 0 ? (int)status : 0, &speaker, &worst);
    if (worst == SG_OK) lowest(ranks, (int)status, &speaker, &worst);
    ranks->failure = worst;
    if (ranks->rank != speaker) return sg_error_set((sg_status)worst, "%s", "");
    if (sg_error_text()[0] == 0) /* each is fine alone: a sum has overflowed */
        return sg_error_set(status, "%s, only in the sum over %d ranks", sg_status_text(status), ranks->count);
    return speaker == 0 ? status : sg_error_prefix(status, "rank %d of %d", speaker, ranks->count);
}

void sg_ranks_share_model(sg_ranks *ranks, sg_model *model)
{
    int64_t steps = sg_model_steps(model);
    if (ranks == NULL) return;
    for (int i = 0; i < sg_model_count(model); i++) {
        sg_param_info *param = sg_model_at(model, i);
        float *const data[] = {param->value, param->moment1, param->moment2};
        for (int k = 0; k < 3; k++) ranks->share(ranks, data[k], param->len * sizeof(float));
    }
    ranks->share(ranks, &steps, sizeof steps);
    sg_model_steps_set(model, steps);
}
