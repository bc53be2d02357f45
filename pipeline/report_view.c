/* report_view.c - the range of an axis: all numbers, unless a few that lie far off would squeeze those that a reader
 * wants to compare. Then the axis is fitted to the wanted ones, with some room, and the figure marks what lies off. */
#include "pipeline/report_page.h"

#include <math.h>
#include <string.h>

static const double squeeze = 2.5, room = .5, edge = .05; /* in parts of the wanted range */

sg_report_view sg_report_view_none(void)
{
    const double inf = (double)INFINITY;
    return (sg_report_view){inf, -inf, inf, -inf, -inf, inf};
}

sg_report_view sg_report_view_of(const sg_report_metric *m)
{
    sg_report_view view = sg_report_view_none();
    if (m->better != 0 && strcmp(m->unit, "dB") != 0) view.least = 0;
    if (m->better > 0 && view.least == 0) view.most = 1;
    return view;
}

void sg_report_view_take(sg_report_view *v, double value, bool wanted)
{
    if (!isfinite(value)) return;
    value = value < v->least ? v->least : value > v->most ? v->most : value;
    v->all_lo = fmin(v->all_lo, value);
    v->all_hi = fmax(v->all_hi, value);
    if (!wanted) return;
    v->lo = fmin(v->lo, value);
    v->hi = fmax(v->hi, value);
}

void sg_report_view_join(sg_report_view *v, const sg_report_view *other)
{
    v->lo = fmin(v->lo, other->lo);
    v->hi = fmax(v->hi, other->hi);
    v->all_lo = fmin(v->all_lo, other->all_lo);
    v->all_hi = fmax(v->all_hi, other->all_hi);
}

void sg_report_view_fit(sg_report_view *v)
{
    const double span = v->hi - v->lo;
    if (!(span > 0) || v->all_hi - v->all_lo <= squeeze * span) {
        v->lo = v->all_lo;
        v->hi = v->all_hi;
    } else {
        v->lo = fmax(v->all_lo, v->lo - room * span);
        v->hi = fmin(v->all_hi, v->hi + room * span);
    }
    const double rim = edge * (v->hi - v->lo);
    v->lo -= rim;
    v->hi += rim;
}
