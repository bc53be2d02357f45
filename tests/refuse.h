/* refuse.h - configurations of a microscope that must be refused, as a table of what is spoilt and what is said. */
#ifndef SG_TESTS_REFUSE_H
#define SG_TESTS_REFUSE_H

#include "physics/microscope.h"

#include <string.h>

typedef struct bad {
    const char *text, *hint; /* the error starts with the one and contains the other */
    void (*spoil)(sg_microscope_config *);
} bad;

/* This one configuration is refused, and the error contains `says`. */
static inline void refused(const sg_microscope_config *config, const char *says)
{
    sg_microscope_size size;
    assert_int_not_equal(sg_microscope_check(&size, config), SG_OK);
    if (!strstr(sg_error_text(), says)) fail_msg("\"%s\" does not say \"%s\"", sg_error_text(), says);
}

#define SPOIL(name, statement)                                                                                         \
    static void name(sg_microscope_config *c)                                                                          \
    {                                                                                                                  \
        statement;                                                                                                     \
    }

static inline void refuse_all(const bad *list, size_t count, const sg_microscope_config *good)
{
    for (size_t i = 0; i < count; i++) {
        sg_microscope_config config = *good;
        sg_microscope_size size;
        list[i].spoil(&config);
        assert_int_not_equal(sg_microscope_check(&size, &config), SG_OK);
        if (strncmp(sg_error_text(), list[i].text, strlen(list[i].text)) || !strstr(sg_error_text(), list[i].hint))
            fail_msg("'%s' should start with '%s' and contain '%s'", sg_error_text(), list[i].text, list[i].hint);
        sg_graph *g = sg_graph_new();
        assert_true(sg_microscope(g, sg_input(g, "sample", SG_SHAPE(1, 1, 64, 64)), &config, false, NULL).id < 0);
        assert_int_not_equal(sg_graph_status(g), SG_OK);
        sg_graph_free(g);
    }
}
#define REFUSE_ALL(list, good) refuse_all((list), sizeof(list) / sizeof *(list), (good))

#endif
