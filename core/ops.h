/* ops.h - the rows of the op table that core/ owns. physics/ops.h and nn/ops.h hold the others; pipeline/op_table.c joins
 * the three lists into one table for tests, `info` and documentation. */
sg_value sg_combine(sg_graph *g, sg_value a, double ka, sg_value b, double kb);

#endif
