/* plan_profile.c - what the plan chose, and time per node. */
#include "core/plan_internal.h"

#include <string.h>

static bool chosen_before(const sg_plan *plan, int index)
{
    for (int i = 0; i < index; i++)
        if (plan->nodes[i].live && plan->nodes[i].node.op == plan->nodes[index].node.op) return true;
    return false;
}

/* `fast` NULL: the reference. */
static int count_rows(const sg_plan *plan, const sg_op *op, const sg_fast *fast)
{
    int count = 0;
    for (int i = 0; i < plan->count; i++)
        count += plan->nodes[i].live && plan->nodes[i].node.op == op && plan->nodes[i].fast == fast;
    return count;
}

static void print_rows(const sg_plan *plan, const sg_op *op, FILE *out)
{
    const char *comma = "";
    fprintf(out, "kernels     %s:", op->name);
    for (int k = 0; k < SG_FAST_MAX && op->fast[k] != NULL; k++) {
        const int count = count_rows(plan, op, op->fast[k]);
        if (count > 0) fprintf(out, "%s %d %s", comma, count, op->fast[k]->name), comma = ",";
    }
    if (count_rows(plan, op, NULL) > 0) fprintf(out, "%s %d plain", comma, count_rows(plan, op, NULL));
    fputc('\n', out);
}

void sg_plan_choice_print(const sg_plan *plan, FILE *out)
{
    int values = 0, blocked = 0, halves = 0, joined = 0;
    for (int i = 0; i < plan->count; i++) {
        const sg_plan_node *n = &plan->nodes[i];
        if (!n->live || n->node.op == NULL) continue;
        if (n->node.op->fast[0] != NULL && !chosen_before(plan, i)) print_rows(plan, n->node.op, out);
        values++;
        blocked += n->node.form.layout != SG_NCHW;
        halves += n->node.form.type == SG_BF16;
        joined += n->joined;
    }
    fprintf(out, "values      %d: %d in blocks of channels, %d as bf16, %d concatenated without a copy\n", values,
            blocked, halves, joined);
}

void sg_plan_profile(sg_plan *plan, bool on)
{
    plan->profile = on;
    for (int i = 0; i < plan->count; i++)
        for (int d = 0; d < 3; d++) {
            plan->nodes[i].seconds[d] = 0;
            plan->nodes[i].runs[d] = 0;
        }
}

void sg_plan_observe(sg_plan *plan, sg_kernel_observer see, void *context)
{
    plan->see = see;
    plan->see_context = context;
}

static double mean_ms(const sg_plan_node *n, int direction)
{
    return n->runs[direction] > 0 ? 1e3 * n->seconds[direction] / (double)n->runs[direction] : 0;
}

static void kernel_text(const sg_plan_node *n, char *out, size_t size)
{
    char name[200] = "reference";
    if (n->joined) (void)snprintf(name, sizeof name, "in place");
    if (n->fast != NULL) (void)snprintf(name, sizeof name, "%s", n->fast->name);
    if (n->fast != NULL && n->fast->describe != NULL && n->prepared != NULL)
        n->fast->describe(n->prepared, name, sizeof name);
    (void)snprintf(out, size, "%s%s%s%s", name, n->node.form.layout != SG_NCHW ? " blocked" : "",
                   n->node.form.type == SG_BF16 ? " bf16" : "", n->node.fused != NULL ? " +relu" : "");
}

static void print_node(const sg_plan_node *n, double total_ms, FILE *out)
{
    char kernel[256];
    const sg_shape s = n->node.shape;
    const double forward = mean_ms(n, 0), backward = mean_ms(n, 1);
    const double flop = n->node.op->flop != NULL ? n->node.op->flop(&n->node) : 0;
    kernel_text(n, kernel, sizeof kernel);
    fprintf(out, "%-22s %4d %4d %4d %4d  %9.3f %9.3f  %5.1f %%", n->node.name, s.n, s.c, s.h, s.w, forward, backward,
            total_ms > 0 ? 100 * (forward + backward) / total_ms : 0);
    if (flop > 0 && forward > 0)
        fprintf(out, "  %7.1f", flop / forward * 1e-6);
    else
        fprintf(out, "  %7s", "");
    if (flop > 0 && backward > 0)
        fprintf(out, " %7.1f", 2 * flop / backward * 1e-6);
    else
        fprintf(out, " %7s", "");
    fprintf(out, "  %s\n", kernel);
}

void sg_plan_profile_print(const sg_plan *plan, FILE *out)
{
    double total_ms = 0;
    for (int i = 0; i < plan->count; i++) total_ms += mean_ms(&plan->nodes[i], 0) + mean_ms(&plan->nodes[i], 1);
    fprintf(out, "%-22s %4s %4s %4s %4s  %9s %9s  %7s  %7s %7s  %s\n", "node", "n", "c", "h", "w", "fwd ms", "bwd ms",
            "share", "GF/s f", "GF/s b", "kernel");
    for (int i = 0; i < plan->count; i++)
        if (plan->nodes[i].live && plan->nodes[i].node.op != NULL) print_node(&plan->nodes[i], total_ms, out);
    fprintf(out, "total %.3f ms, arena %.1f MiB, %.2f GFLOP forward\n", total_ms,
            (double)plan->info.arena_bytes / 1048576, plan->info.flop_forward * 1e-9);
}

double sg_plan_profile_seconds(const sg_plan *plan, bool (*match)(const char *op_name))
{
    double total = 0;
    for (int i = 0; i < plan->count; i++) {
        const sg_plan_node *n = &plan->nodes[i];
        if (n->live && n->node.op != NULL && match(n->node.op->name))
            total += n->seconds[0] + n->seconds[1] + n->seconds[2];
    }
    return total;
}

static double value_bytes(sg_shape shape, bool is_complex, const sg_form *form, size_t real_size)
{
    return (double)(sg_shape_len(shape) * (is_complex ? 2 : 1) * sg_type_size(form->type, real_size));
}

static double forward_bytes(const sg_node *node, size_t real_size)
{
    double bytes = value_bytes(node->shape, node->is_complex, &node->form, real_size);
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] >= 0)
            bytes += value_bytes(node->in_shape[i], node->in_complex[i], &node->in_form[i], real_size);
    return bytes;
}

/* Reads the gradient of the output and what it keeps, writes gradients of inputs. */
static double backward_bytes(const sg_node *node, size_t real_size)
{
    double bytes =
        value_bytes(node->shape, node->is_complex, &node->form, real_size) * (node->op->keeps_output ? 2 : 1);
    for (int i = 0; i < node->input_count; i++) {
        const double one = value_bytes(node->in_shape[i], node->in_complex[i], &node->in_form[i], real_size);
        if (node->inputs[i] >= 0) bytes += one * ((node->op->keeps_inputs >> i & 1) + node->wants[i]);
    }
    return bytes;
}

static void fill_row(sg_profile_row *row, const sg_plan_node *n, size_t real_size)
{
    const sg_node *node = &n->node;
    const double flop = node->op->flop != NULL ? node->op->flop(node) : 0;
    *row = (sg_profile_row){node->name,
                            node->op,
                            node->shape,
                            {1e-3 * mean_ms(n, 0), 1e-3 * mean_ms(n, 1), 1e-3 * mean_ms(n, 2)},
                            {flop, flop * (node->wants[0] + node->wants[1])},
                            {forward_bytes(node, real_size), backward_bytes(node, real_size)},
                            ""};
    kernel_text(n, row->kernel, sizeof row->kernel);
}

int sg_plan_profile_rows(const sg_plan *plan, sg_profile_row *rows, int most)
{
    int count = 0;
    for (int i = 0; i < plan->count; i++) {
        const sg_plan_node *n = &plan->nodes[i];
        if (!n->live || n->node.op == NULL) continue;
        if (count < most) fill_row(&rows[count], n, plan->real_size);
        count++;
    }
    return count;
}
