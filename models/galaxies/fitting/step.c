/* One step towards the maximum of the likelihood, within limits: Newton's, with edges that hold.

   Flux, n and radius lie in ranges, the shear in a disc. A parameter at an edge whose gradient points outward is held
   there, and the others answer to that (Bertsekas 1982, "Projected Newton methods"); one that the step would carry out
   stops at the edge. The shear is turned so that its first component is the distance from the centre: the disc is then a
   range of it, with the curvature of its edge added to the other's. */

#include "fit.h"

static const double LEAST = 1e-8; /* added to the diagonal of a scaled matrix: an image may say nothing */
static const double POSITIVE = 1e-12;

typedef struct {
    Vector gradient, moved, solved; /* scaled; where those that do not take part are put; the answer */
    int fixed[PARAMETERS];
} System;

static double length_of(const Vector shape) { return sqrt(shape[G1] * shape[G1] + shape[G2] * shape[G2]); }

/* Move parameters to the nearest within limits. */
void bring_inside(Vector shape, const Limits *limits) {
    for (int p = FLUX; p <= RADIUS; p++) shape[p] = fmin(fmax(shape[p], limits->low[p]), limits->high[p]);
    const double length = length_of(shape);
    if (length > limits->shear) {
        shape[G1] *= limits->shear / length;
        shape[G2] *= limits->shear / length;
    }
}

static void turn(double *first, double *second, double cosine, double sine) {
    const double before = *first;
    *first = cosine * before + sine * *second;
    *second = cosine * *second - sine * before;
}

static void turn_matrix(Matrix matrix, double cosine, double sine) {
    for (int p = 0; p < PARAMETERS; p++) turn(&matrix[p][G1], &matrix[p][G2], cosine, sine);
    for (int p = 0; p < PARAMETERS; p++) turn(&matrix[G1][p], &matrix[G2][p], cosine, sine);
}

/* Solve for the free parameters by Cholesky's factors; 0 where the matrix is not positive. */
static int solve(const Matrix matrix, double damping, System *system) {
    Matrix lower;
    double *solved = system->solved;
    for (int p = 0; p < PARAMETERS; p++) {
        solved[p] = system->fixed[p] ? system->moved[p] : system->gradient[p];
        for (int r = 0; r < PARAMETERS && !system->fixed[p]; r++)
            if (system->fixed[r]) solved[p] -= matrix[p][r] * system->moved[r];
    }
    for (int p = 0; p < PARAMETERS; p++) {
        for (int r = 0; r <= p; r++) {
            double value = system->fixed[p] || system->fixed[r] ? p == r : matrix[p][r];
            if (p == r && !system->fixed[p]) value += damping;
            for (int s = 0; s < r; s++) value -= lower[p][s] * lower[r][s];
            if (p == r && !(value > POSITIVE)) return 0;
            lower[p][r] = p == r ? sqrt(value) : value / lower[r][r];
        }
        for (int s = 0; s < p; s++) solved[p] -= lower[p][s] * solved[s];
        solved[p] /= lower[p][p];
    }
    for (int p = PARAMETERS - 1; p >= 0; p--) {
        for (int s = p + 1; s < PARAMETERS; s++) solved[p] -= lower[s][p] * solved[s];
        solved[p] /= lower[p][p];
    }
    return 1;
}

/* The step from here, damped by Fisher's diagonal. Returns √(gᵀ C⁻¹ g), how far the maximum is in its errors, by the
   undamped matrix over what is free to move; `convex` says whether ln L bends downwards, so that a maximum is near. */
double find_step(const Vector shape, const Expansion *at, double damping, const Limits *limits, Vector step,
                 int *convex) {
    const double length = length_of(shape);
    const double cosine = length > 0 ? shape[G1] / length : 1, sine = length > 0 ? shape[G2] / length : 0;
    const Vector low = {limits->low[FLUX], limits->low[INDEX], limits->low[RADIUS], -INFINITY, -INFINITY};
    const Vector high = {limits->high[FLUX], limits->high[INDEX], limits->high[RADIUS], limits->shear, INFINITY};
    Vector turned = {shape[FLUX], shape[INDEX], shape[RADIUS], length, 0}, scale;
    System system = {{0}, {0}, {0}, {0}};
    Matrix fisher, curvature;
    int held[PARAMETERS];
    for (int p = 0; p < PARAMETERS; p++) {
        system.gradient[p] = at->gradient[p];
        for (int r = 0; r < PARAMETERS; r++) fisher[p][r] = at->fisher[p][r], curvature[p][r] = at->curvature[p][r];
    }
    turn(&system.gradient[G1], &system.gradient[G2], cosine, sine);
    turn_matrix(fisher, cosine, sine);
    turn_matrix(curvature, cosine, sine);
    for (int p = 0; p < PARAMETERS; p++) {
        const double slope = system.gradient[p];
        held[p] = (isfinite(low[p]) && turned[p] <= low[p] + EDGE * fabs(low[p]) && slope < 0) ||
                  (isfinite(high[p]) && turned[p] >= high[p] - EDGE * fabs(high[p]) && slope > 0);
        system.fixed[p] = held[p];
        scale[p] = fmax(sqrt(fisher[p][p]), 1e-30);
    }
    if (held[G1]) {
        fisher[G2][G2] += system.gradient[G1] / length;
        curvature[G2][G2] += system.gradient[G1] / length;
    }
    for (int p = 0; p < PARAMETERS; p++) {
        system.gradient[p] /= scale[p];
        for (int r = 0; r < PARAMETERS; r++) {
            fisher[p][r] /= scale[p] * scale[r];
            curvature[p][r] /= scale[p] * scale[r];
        }
    }

    *convex = solve(curvature, LEAST, &system);
    if (!*convex) solve(fisher, LEAST, &system);
    const double (*matrix)[PARAMETERS] = *convex ? curvature : fisher;
    double decrement = 0;
    for (int p = 0; p < PARAMETERS; p++) decrement += held[p] ? 0 : system.solved[p] * system.gradient[p];
    if (damping > 0) solve(matrix, damping + LEAST, &system);
    for (int round = 0; round < PARAMETERS; round++) { /* each time more may stop at their edges */
        int stopped = 0;
        for (int p = 0; p < PARAMETERS; p++) {
            const double there = turned[p] + system.solved[p] / scale[p], inside = fmin(fmax(there, low[p]), high[p]);
            if (inside != there && !system.fixed[p]) {
                system.fixed[p] = stopped = 1;
                system.moved[p] = (inside - turned[p]) * scale[p];
            }
        }
        if (!stopped) break;
        if (!solve(matrix, damping + LEAST, &system)) solve(fisher, damping + LEAST, &system);
    }
    for (int p = 0; p < PARAMETERS; p++) step[p] = system.solved[p] / scale[p];
    turn(&step[G1], &step[G2], cosine, -sine);
    return sqrt(fmax(decrement, 0));
}
