/* low_rank.h - the best approximation of a matrix by few rows: eigen-PSFs of a field. */
#ifndef SG_PHYSICS_LOW_RANK_H
#define SG_PHYSICS_LOW_RANK_H

#include "core/status.h"

#include <stddef.h>

/* a (rows, len) = share modes for keep = rows, and the nearest matrix of rank `keep` (Frobenius norm) otherwise: the
 * error is the root of the sum of the squares of singular[keep..rows-1] (Eckart & Young, Psychometrika 1, 211, 1936).
 * modes (keep, len): singular value times right singular vector; share (rows, keep): left singular vectors, each of sum
 * >= 0; singular (rows), falling. rows >= 1, 1 <= keep <= rows; outputs do not overlap `a`. From the eigenvectors of
 * the Gram matrix a a^T by Jacobi's rotations (Golub & Van Loan, Matrix Computations, 8.5), so singular values below
 * 1e-8 of the largest are rounding. The same bits for any number of threads. SG_E_NUMERIC: `a` is not finite. */
sg_status sg_low_rank(double *modes, double *share, double *singular, const double *a, int rows, size_t len, int keep);

#endif
