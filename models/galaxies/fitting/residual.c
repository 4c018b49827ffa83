/* What an image holds that no galaxy of the model does: its residual at a galaxy that is given, held against what may
   be wrong with the image. What is called from Python: examine_images, for every `step`-th image from the `first` on.

   Everything is said of whitened pixels, each divided by its standard deviation. A change t of the mean image shows in
   the residual r by the part t' of it that no change of the galaxy makes, and (t' · r) / |t'| is standard normal where
   nothing is wrong (Rao's score test, 1948); what the galaxy takes of it moves the galaxy's parameters by C J · t.
   A level of the sky is looked for first and taken off, so that it is not found again as noise or as a source. */

#include <stddef.h>

#include "residual.h"

static const double CORE_RADIUS = 5;      /* pixels */
enum { BORDER_WIDTH = 8 };
static const double LEAST_SQUARE = 1e-12; /* mean of r², below which an image is nothing but its galaxy */

/* What is found of each image. */
typedef struct {
    double *score_bc, *size_bc; /* of each change: its test, and how much of it, in its own unit */
    double *moved_bcp;          /* what the parameters move by for one unit of each change */
    double *covariance_bpp;
    double *chi2_br, *freedom_br; /* of each region: Σ r², and what is expected of it */
    double *correlation_b;        /* Σ r r' over pixels that share a side, over Σ r² and the number of such pairs */
    double *source_bs, *source_flux_bs, *source_x_bs, *source_y_bs; /* near and far: the largest test; counts; pixels */
    double *norm_b;               /* √(Σ model²) */
} Examined;

FOR_EACH_PROCESSOR
static double product(const float *restrict a, const float *restrict b, int count) {
    double total = 0;
    for (int begin = 0; begin < count; begin += 64) {
        float sum = 0;
        for (int i = begin; i < count && i < begin + 64; i++) sum += a[i] * b[i];
        total += sum;
    }
    return total;
}

void times(const Matrix matrix, const Vector vector, Vector out) {
    for (int p = 0; p < PARAMETERS; p++) {
        out[p] = 0;
        for (int r = 0; r < PARAMETERS; r++) out[p] += matrix[p][r] * vector[r];
    }
}

double dot(const Vector a, const Vector b) {
    double sum = 0;
    for (int p = 0; p < PARAMETERS; p++) sum += a[p] * b[p];
    return sum;
}

static int region_of(int row, int column, int size) {
    const double x = column - (size - 1) / 2., y = row - (size - 1) / 2.;
    if (x * x + y * y <= CORE_RADIUS * CORE_RADIUS) return CORE;
    const int border = size >= 4 * BORDER_WIDTH ? BORDER_WIDTH : size / 4;
    const int inside = row >= border && column >= border && row < size - border && column < size - border;
    return inside ? WINGS : BORDER;
}

/* Shifts along x and y together: how far each, and for y the test of what x leaves, so that their squares add up. */
static void part_shifts(const double left[CHANGES], const double rest[CHANGES], double across, double score[CHANGES],
                        double size[CHANGES]) {
    const double share = left[SHIFT_X] > 0 ? across / left[SHIFT_X] : 0, own = left[SHIFT_Y] - share * across;
    const double beyond = rest[SHIFT_Y] - share * rest[SHIFT_X];
    score[SHIFT_Y] = own > 0 ? beyond / sqrt(own) : 0;
    size[SHIFT_Y] = own > 0 ? beyond / own : 0;
    size[SHIFT_X] -= share * size[SHIFT_Y];
}

/* Takes off what changes of the galaxy and a level of the sky can explain of the residual. */
static void take_off(Maps *maps, const Vector taken, const Vector moved, double left, double score) {
    const int pixels = maps->size * maps->size;
    const float *sky_i = maps->change_ci + SKY * pixels, longer = (float)(left > 0 ? 1 / sqrt(left) : 0);
    for (int i = 0; i < pixels; i++) {
        float level = sky_i[i], explained = 0;
        for (int p = 0; p < PARAMETERS; p++) {
            level -= (float)moved[p] * maps->slope_pi[p * pixels + i];
            explained += (float)taken[p] * maps->slope_pi[p * pixels + i];
        }
        maps->level_i[i] = longer * level;
        maps->residual_i[i] -= explained + (float)score * maps->level_i[i];
    }
}

/* Σ r² and its expectation by region: a pixel's is 1 less what galaxy and sky take of it. */
static void sum_regions(const Maps *maps, const Matrix covariance, double chi2[REGIONS], double freedom[REGIONS]) {
    const int size = maps->size, pixels = size * size;
    for (int region = 0; region < REGIONS; region++) chi2[region] = freedom[region] = 0;
    for (int i = 0; i < pixels; i++) {
        const int region = region_of(i / size, i % size, size);
        Vector slope, moved;
        for (int p = 0; p < PARAMETERS; p++) slope[p] = maps->slope_pi[p * pixels + i];
        times(covariance, slope, moved);
        chi2[region] += maps->residual_i[i] * maps->residual_i[i];
        freedom[region] += 1 - dot(slope, moved) - maps->level_i[i] * maps->level_i[i];
    }
}

static double correlate(const Maps *maps) {
    const int size = maps->size;
    const float *r = maps->residual_i;
    double sum = 0;
    for (int row = 0; row < size; row++) sum += product(r + row * size, r + row * size + 1, size - 1);
    sum += product(r, r + size, size * (size - 1));
    const double mean_square = product(r, r, size * size) / (size * size);
    return sum / (2. * size * (size - 1)) / fmax(mean_square, LEAST_SQUARE);
}

/* Examine images at galaxies that are given; `source_sd_b` are the widths of sources, pixels. Returns 1 where memory is
   short. */
EXPORTED
int examine_images(const Grid *grid, const Tables *tables, const Batch *batch, const float *image_bi, int size,
                   const double *shape_bp, const double *source_sd_b, const Examined *found, int first, int step) {
    const int half_pixels = 2 * grid->half * grid->half, pixels = size * size;
    Room *room = make_room(grid, tables);
    Maps *maps = room ? make_maps(grid, size) : NULL;
    if (!maps) {
        if (room) leave_room(room);
        return 1;
    }
    for (int b = first; b < batch->count; b += step) {
        const Image image = image_of(batch, b, half_pixels);
        Matrix fisher, covariance;
        Vector pull, taken;
        double left[CHANGES], rest[CHANGES];
        lay_maps(shape_bp + b * PARAMETERS, &image, image_bi + (long)b * pixels, room, maps);
        found->norm_b[b] = sqrt(product(maps->model_i, maps->model_i, pixels));
        for (int p = 0; p < PARAMETERS; p++) {
            const float *slope = maps->slope_pi + p * pixels;
            pull[p] = product(slope, maps->residual_i, pixels);
            for (int r = 0; r <= p; r++)
                fisher[p][r] = fisher[r][p] = product(slope, maps->slope_pi + r * pixels, pixels);
        }
        invert(fisher, covariance);
        times(covariance, pull, taken);
        for (int c = 0; c < CHANGES; c++) {
            const float *change = maps->change_ci + c * pixels;
            Vector shared;
            double *moved = found->moved_bcp + (b * CHANGES + c) * PARAMETERS;
            for (int p = 0; p < PARAMETERS; p++) shared[p] = product(change, maps->slope_pi + p * pixels, pixels);
            times(covariance, shared, moved);
            left[c] = product(change, change, pixels) - dot(shared, moved);
            rest[c] = product(change, maps->residual_i, pixels) - dot(shared, taken);
            found->score_bc[b * CHANGES + c] = left[c] > 0 ? rest[c] / sqrt(left[c]) : 0;
            found->size_bc[b * CHANGES + c] = left[c] > 0 ? rest[c] / left[c] : 0;
        }
        /* Shifts are odd under half a turn, all other changes even: shifts overlap with each other alone. */
        const double across = product(maps->change_ci + SHIFT_X * pixels, maps->change_ci + SHIFT_Y * pixels, pixels);
        part_shifts(left, rest, across, found->score_bc + b * CHANGES, found->size_bc + b * CHANGES);
        take_off(maps, taken, found->moved_bcp + (b * CHANGES + SKY) * PARAMETERS, left[SKY],
                 found->score_bc[b * CHANGES + SKY]);
        for (int p = 0; p < PARAMETERS; p++)
            for (int r = 0; r < PARAMETERS; r++)
                found->covariance_bpp[(b * PARAMETERS + p) * PARAMETERS + r] = covariance[p][r];
        sum_regions(maps, covariance, found->chi2_br + b * REGIONS, found->freedom_br + b * REGIONS);
        found->correlation_b[b] = correlate(maps);
        find_sources(maps, covariance, source_sd_b[b], found->source_bs + b * PLACES,
                     found->source_flux_bs + b * PLACES, found->source_x_bs + b * PLACES, found->source_y_bs + b * PLACES);
    }
    leave_maps(maps);
    leave_room(room);
    return 0;
}
