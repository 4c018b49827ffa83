/* The maps of one image around a galaxy: what is left of it, and how its mean changes with what is asked about. */

#include <stdlib.h>

#include "residual.h"

Maps *make_maps(const Grid *grid, int size) {
    const long pixels = (long)size * size, plane = (long)grid->nodes * grid->padded;
    const long padded = (long)size * (size + 2 * WIDEST);
    Maps *maps = malloc(sizeof *maps);
    float *next = calloc((size_t)(pixels * (7 + 2 * PARAMETERS + CHANGES) + padded + plane), sizeof(float));
    if (!maps || !next) {
        free(maps);
        free(next);
        return NULL;
    }
    maps->size = size;
    float **pieces[] = {&maps->residual_i, &maps->weight_i, &maps->model_i, &maps->scratch_i, &maps->source_i,
                        &maps->power_i, &maps->level_i};
    for (int i = 0; i < 7; i++, next += pixels) *pieces[i] = next;
    maps->slope_pi = next;
    maps->shared_pi = maps->slope_pi + PARAMETERS * pixels;
    maps->change_ci = maps->shared_pi + PARAMETERS * pixels;
    maps->wide_i = maps->change_ci + CHANGES * pixels;
    maps->psf_slope_kj = maps->wide_i + padded;
    return maps;
}

void leave_maps(Maps *maps) {
    free(maps->residual_i);
    free(maps);
}

/* Two quadrants as a whole stamp (folding.py), times a factor. */
static void unfold(const float *quadrants_n, double factor, int size, float *map_i) {
    const int half = (size + 1) / 2, ahead = size / 2, back = half - 1;
    for (int x = 0; x < half; x++)
        for (int y = 0; y < half; y++) {
            const float same = (float)factor * quadrants_n[x * half + y];
            const float other = (float)factor * quadrants_n[half * half + x * half + y];
            map_i[(ahead + y) * size + ahead + x] = map_i[(back - y) * size + back - x] = same;
            map_i[(back - y) * size + ahead + x] = map_i[(ahead + y) * size + back - x] = other;
        }
}

/* Images whose spectra are those of the galaxy times something of the wave vector: with 2 kx ky, odd in ky. */
static void draw_times(const float *factor_kj, const float *square_kj, int odd_in_ky, Room *room, float *quadrants_n) {
    const int plane = room->grid->nodes * room->grid->padded;
    for (int m = 0; m < plane; m++) {
        const float weight = factor_kj[m] * square_kj[m], plus = room->value_skj[m], minus = room->value_skj[plane + m];
        room->even_kj[m] = (plus + minus) * weight;
        room->odd_kj[m] = (plus - minus) * weight;
    }
    if (odd_in_ky)
        to_quadrants(room->odd_kj, room->even_kj, room, quadrants_n);
    else
        to_quadrants(room->even_kj, room->odd_kj, room, quadrants_n);
}

/* Derivative along x or y by differences of fourth order; what lies outside of the stamp counts as its edge. */
static void differentiate(const float *map_i, int size, int by_y, float *out_i) {
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++) {
            float value[4];
            const int away[] = {-2, -1, 1, 2};
            for (int k = 0; k < 4; k++) {
                int place = (by_y ? row : column) + away[k];
                place = place < 0 ? 0 : place < size ? place : size - 1;
                value[k] = by_y ? map_i[place * size + column] : map_i[row * size + place];
            }
            out_i[row * size + column] = (8 * (value[2] - value[1]) - (value[3] - value[0])) / 12;
        }
}

/* The maps of an image around a galaxy. */
FOR_EACH_PROCESSOR
void lay_maps(const Vector shape, const Image *image, const float *image_i, Room *room, Maps *maps) {
    const Grid *grid = room->grid;
    const int size = maps->size, pixels = size * size, plane = grid->nodes * grid->padded;
    const int half_pixels = 2 * grid->half * grid->half;
    const double flux = shape[FLUX];
    Matrix slopes, bends[3];
    lay_psf(image->psf_radius, room, maps->psf_slope_kj);
    draw_around(shape, room);
    unfold(room->unit_an, flux, size, maps->model_i);
    const float floor = (float)image->variance, shot = image->shot_noise ? 1 : 0;
    for (int i = 0; i < pixels; i++) {
        const float model = maps->model_i[i];
        maps->weight_i[i] = 1 / sqrtf(floor + (model > 0 ? model : 0) * shot);
        maps->residual_i[i] = (image_i[i] - model) * maps->weight_i[i];
    }
    differentiate_stretch(shape, slopes, bends);
    for (int p = 0; p < PARAMETERS; p++) {
        float *restrict slope = maps->slope_pi + p * pixels, *restrict sums = room->pull_n;
        for (int n = 0; n < half_pixels; n++) sums[n] = 0;
        for (int a = 0; a < PARAMETERS; a++) {
            const float by = (float)(slopes[a][p] * (a == FLUX ? 1 : flux));
            const float *restrict one = room->unit_an + a * half_pixels;
            if (by != 0)
                for (int n = 0; n < half_pixels; n++) sums[n] += by * one[n];
        }
        unfold(sums, 1, size, slope);
        for (int i = 0; i < pixels; i++) slope[i] *= maps->weight_i[i];
    }
    const double square = image->psf_radius * image->psf_radius;
    for (int c = PSF_FWHM; c <= PSF_G2; c++) {
        /* q = radius² k² of a round profile, and radius² (k² (1 + g²) + 2 g · (kx² − ky², 2 kx ky)) of a sheared one. */
        draw_times(maps->psf_slope_kj, grid->squares_3kj + c * plane, c == PSF_G2, room, room->pull_n);
        unfold(room->pull_n, 2 * square * flux, size, maps->change_ci + c * pixels);
    }
    for (int i = 0; i < pixels; i++) maps->change_ci[SKY * pixels + i] = 1;
    /* A galaxy that lies farther to one side has minus its slope. */
    for (int c = SHIFT_X; c <= SHIFT_Y; c++) {
        float *change = maps->change_ci + c * pixels;
        differentiate(maps->model_i, size, c == SHIFT_Y, change);
        for (int i = 0; i < pixels; i++) change[i] = -change[i];
    }
    for (int c = 0; c < CHANGES; c++)
        for (int i = 0; i < pixels; i++) maps->change_ci[c * pixels + i] *= maps->weight_i[i];
}
