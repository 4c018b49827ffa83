/* A second source beside the galaxy: the best of all places, by a matched filter on what is left of the image. */

#include <string.h>

#include "residual.h"

static const double NEAR_RADIUS = 12; /* pixels */
static const double FARTHEST = 3.5;   /* standard deviations that a source's profile is followed to */
static const double LEAST_LEFT = 0.2; /* of a source, once galaxy and sky have taken their parts: less is no place */

/* A map seen through a Gaussian profile: rows, then columns. */
FOR_EACH_PROCESSOR
static void smooth(const float *restrict map_i, int size, const float *restrict profile, int reach, float *restrict wide,
                   float *restrict half_i, float *restrict out_i) {
    const int width = size + 2 * WIDEST;
    for (int row = 0; row < size; row++) memcpy(wide + row * width + WIDEST, map_i + row * size, size * sizeof *wide);
    for (int row = 0; row < size; row++) {
        float *restrict sums = half_i + row * size;
        for (int i = 0; i < size; i++) sums[i] = 0;
        for (int away = -reach; away <= reach; away++) {
            const float *restrict moved = wide + row * width + WIDEST + away, share = profile[away < 0 ? -away : away];
            for (int i = 0; i < size; i++) sums[i] += share * moved[i];
        }
    }
    for (int row = 0; row < size; row++) {
        float *restrict sums = out_i + row * size;
        for (int i = 0; i < size; i++) sums[i] = 0;
        for (int away = -reach; away <= reach; away++) {
            if (row + away < 0 || row + away >= size) continue;
            const float *restrict moved = half_i + (row + away) * size, share = profile[away < 0 ? -away : away];
            for (int i = 0; i < size; i++) sums[i] += share * moved[i];
        }
    }
}

/* The second source that is seen best, near the galaxy and far from it; its profile is a Gaussian. */
void find_sources(Maps *maps, const Matrix covariance, double sd, double best[PLACES],
                         double flux[PLACES], double x[PLACES], double y[PLACES]) {
    const int size = maps->size, pixels = size * size;
    const int reach = sd * FARTHEST < WIDEST ? (int)(sd * FARTHEST) + 1 : WIDEST;
    float profile[WIDEST + 1], squares[WIDEST + 1];
    double sum = 0;
    for (int away = 0; away <= reach; away++) {
        profile[away] = (float)exp(-away * away / (2 * sd * sd));
        sum += (away ? 2 : 1) * profile[away];
    }
    for (int away = 0; away <= reach; away++) {
        profile[away] /= (float)sum;
        squares[away] = profile[away] * profile[away];
    }
    float *scratch = maps->scratch_i, *half = maps->model_i; /* the model is not needed any more */
    for (int i = 0; i < pixels; i++) scratch[i] = maps->residual_i[i] * maps->weight_i[i];
    smooth(scratch, size, profile, reach, maps->wide_i, half, maps->source_i);
    for (int i = 0; i < pixels; i++) scratch[i] = maps->weight_i[i] * maps->weight_i[i];
    smooth(scratch, size, squares, reach, maps->wide_i, half, maps->power_i);
    for (int p = 0; p < PARAMETERS; p++) {
        for (int i = 0; i < pixels; i++) scratch[i] = maps->slope_pi[p * pixels + i] * maps->weight_i[i];
        smooth(scratch, size, profile, reach, maps->wide_i, half, maps->shared_pi + p * pixels);
    }
    float *level = maps->level_i;
    for (int i = 0; i < pixels; i++) scratch[i] = level[i] * maps->weight_i[i];
    smooth(scratch, size, profile, reach, maps->wide_i, half, level);
    for (int place = 0; place < PLACES; place++) best[place] = flux[place] = x[place] = y[place] = 0;
    for (int i = 0; i < pixels; i++) {
        Vector shared, moved;
        for (int p = 0; p < PARAMETERS; p++) shared[p] = maps->shared_pi[p * pixels + i];
        times(covariance, shared, moved);
        const double left = maps->power_i[i] - dot(shared, moved) - level[i] * level[i];
        if (left < LEAST_LEFT * maps->power_i[i]) continue;
        const double here_x = i % size - (size - 1) / 2., here_y = i / size - (size - 1) / 2.;
        const int place = here_x * here_x + here_y * here_y <= NEAR_RADIUS * NEAR_RADIUS ? NEAR : FAR;
        const double rest = maps->source_i[i], score = rest / sqrt(left);
        if (score > best[place]) {
            best[place] = score;
            flux[place] = rest / left;
            x[place] = here_x;
            y[place] = here_y;
        }
    }
}
