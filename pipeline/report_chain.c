/* report_chain.c - one test picture on its way from the light to the answer. */
#include "pipeline/report_pictures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the chain ---- */
/* The arm that the chain shows: a learned one before others, and of those the one with most exposures. NULL: none. */
static const sg_report_run *shown_run(const sg_report_data *data)
{
    const sg_report_run *best = NULL;
    for (int a = 0; a < data->arm_count; a++) {
        const sg_report_run *run = sg_report_first(data, sg_report_cell_at(data, data->shown, a));
        if (!run) continue;
        if (!best || (run->learned && !best->learned))
            best = run;
        else if (run->learned == best->learned && run->exposures > best->exposures)
            best = run;
    }
    return best;
}

static void link_open(sg_text *h, bool *first)
{
    sg_text_add(h, *first ? "<figure>" : "<span class=\"arrow\">→</span><figure>");
    *first = false;
}

/* The first panel alone, without title and colour bar: the window of the drawing is narrowed to SG_FIGURE_LED_SQUARE.
 */
static void square_put(sg_text *h, const char *svg)
{
    static const char mark[] = "viewBox=\"";
    const char *begin = strstr(svg, mark), *end = begin ? strchr(begin + strlen(mark), '"') : NULL;
    if (!end)
        sg_text_add(h, "%s", svg);
    else
        sg_text_add(h, "%.*s%s" SG_FIGURE_LED_SQUARE "%s", (int)(begin - svg), svg, mark, end);
}

static void chain_picture(sg_text *h, const sg_pictures *p, const char *title, const char *text, bool *first)
{
    if (!p->data) return;
    link_open(h, first);
    sg_plane_put(h, p, 0, 0, title);
    sg_text_add(h, "<figcaption><b>%s</b>%s</figcaption></figure>\n", title, text);
}

/* What a classifier says in place of a picture. */
static void verdict_put(sg_text *h, const sg_run_pictures *p, bool *first)
{
    char said[48], truth[48];
    sg_class_name(said, p->classes, (int)p->predicted[0]);
    sg_class_name(truth, p->classes, (int)p->truth[0]);
    link_open(h, first);
    sg_text_add(h, "<p class=\"answer\">%s ", p->predicted[0] == p->truth[0] ? "✓" : "✗");
    sg_text_html(h, said);
    sg_text_add(h, "</p><figcaption><b>Answer</b>truth: ");
    sg_text_html(h, truth);
    sg_text_add(h, "</figcaption></figure>\n");
}

void sg_page_chain(sg_page *page)
{
    const sg_report_run *run = shown_run(page->data);
    sg_text *h = &page->html;
    sg_run_pictures p;
    bool first = true;
    if (!run || !sg_run_pictures_read(&p, page->data, run)) return;
    const sg_pictures *s = p.set;
    if (!s[SG_PICTURE_MEASUREMENT].data) {
        sg_run_pictures_free(&p);
        return;
    }
    sg_text_add(h, "<h2>From photons to the answer</h2>\n<p>One test picture on its way through the chain, arm <b>");
    sg_text_html(h, page->data->arms[run->arm]);
    sg_text_add(h, "</b>.%s</p>\n<div class=\"card chain\">\n",
                run->learned ? " Its hardware and its network are trained together." : "");
    chain_picture(h, &s[SG_PICTURE_SAMPLE], "Sample",
                  run->stack ? "as measured under the first LED alone" : "as the data set holds it", &first);
    sg_figure figure;
    int panels;
    if (p.leds && isfinite(p.na) && sg_light_figure(&figure, &p, run, &panels) == SG_OK) {
        link_open(h, &first);
        square_put(h, figure.svg);
        sg_text_add(h, "<figcaption><b>Light</b>%s</figcaption></figure>\n",
                    panels > 1 ? "the LED array, exposure 1" : "the LED array");
        sg_figure_free(&figure);
    }
    char text[96] = "digital counts of exposure 1";
    if (isfinite(p.electrons))
        (void)snprintf(text, sizeof text, "exposure 1 in ADU; %.*f electrons per pixel", p.electrons < 10 ? 1 : 0,
                       p.electrons);
    chain_picture(h, &s[SG_PICTURE_ADU], "Camera", text, &first);
    chain_picture(h, &s[SG_PICTURE_MEASUREMENT], "Measurement", "what the network sees", &first);
    if (p.verdicts) verdict_put(h, &p, &first);
    chain_picture(h, &s[SG_PICTURE_PREDICTION], "Prediction",
                  run->task == SG_REPORT_REGRESS ? "what the network makes of it"
                                                 : "probability of foreground, pixel by pixel",
                  &first);
    chain_picture(h, &s[SG_PICTURE_TRUTH], "Truth",
                  run->task == SG_REPORT_REGRESS ? "the picture it should make" : "the label it should find", &first);
    sg_text_add(h, "</div>\n");
    sg_run_pictures_free(&p);
}
