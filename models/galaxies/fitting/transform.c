/* From a grid of wave vectors to the pixels of a stamp, and back: products of small matrices (rendering.py).

   Spectra come as sum and difference of their values at (kx, ky) and (kx, −ky), the first of which goes with cosines,
   the second with sines. The pixels are those at x > 0, y > 0, then those at x > 0, y < 0. */

#include "fit.h"

/* A part of the product of two matrices: ROWS rows by `vectors` vectors of eight columns, summed in registers. */
enum { ROWS = 4, LANES = 8 };
typedef float Lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline __attribute__((always_inline)) void multiply_part(const float *a, int a_width, const float *b, int inner,
                                                                int width, float *out, int rows, int vectors) {
    Lanes sums[ROWS][2] = {{{0}}};
    for (int k = 0; k < inner; k++)
        for (int vector = 0; vector < vectors; vector++) {
            const Lanes column = *(const Lanes *)(b + k * width + vector * LANES);
            for (int row = 0; row < rows; row++) sums[row][vector] += a[row * a_width + k] * column;
        }
    for (int row = 0; row < rows; row++)
        for (int vector = 0; vector < vectors; vector++)
            *(Lanes *)(out + row * width + vector * LANES) = sums[row][vector];
}

/* The product of two matrices; of the first, which is `a_width` wide, as many columns count as the second has rows. */
FOR_EACH_PROCESSOR
void multiply(const float *restrict a, int a_width, const float *restrict b, int inner, int width, float *restrict out,
              int rows) {
    int row = 0;
    for (int together; row < rows; row += together) {
        const float *factors = a + row * a_width;
        float *sums = out + row * width;
        int column = 0;
        together = rows - row < ROWS ? 1 : ROWS;
        for (; column + 2 * LANES <= width; column += 2 * LANES)
            if (together == ROWS)
                multiply_part(factors, a_width, b + column, inner, width, sums + column, ROWS, 2);
            else
                multiply_part(factors, a_width, b + column, inner, width, sums + column, 1, 2);
        for (; column + LANES <= width; column += LANES)
            if (together == ROWS)
                multiply_part(factors, a_width, b + column, inner, width, sums + column, ROWS, 1);
            else
                multiply_part(factors, a_width, b + column, inner, width, sums + column, 1, 1);
        for (; column < width; column++)
            for (int one = 0; one < together; one++) {
                sums[one * width + column] = 0;
                for (int k = 0; k < inner; k++)
                    sums[one * width + column] += factors[one * a_width + k] * b[k * width + column];
            }
    }
}

/* Σ S cos(kx x + ky y) at the pixels of two quadrants. */
FOR_EACH_PROCESSOR
void to_quadrants(const float *even_kj, const float *odd_kj, Room *room, float *restrict quadrants_n) {
    const Grid *grid = room->grid;
    const int half = grid->half, nodes = grid->nodes, padded = grid->padded, quadrant = half * half;
    multiply(grid->cos_xj, padded, even_kj, nodes, padded, room->half_xj, half);
    multiply(room->half_xj, padded, grid->cos_kx, nodes, half, room->cosines_xy, half);
    multiply(grid->sin_xj, padded, odd_kj, nodes, padded, room->half_xj, half);
    multiply(room->half_xj, padded, grid->sin_kx, nodes, half, room->sines_xy, half);
    for (int n = 0; n < quadrant; n++) {
        quadrants_n[n] = room->cosines_xy[n] - room->sines_xy[n];
        quadrants_n[quadrant + n] = room->cosines_xy[n] + room->sines_xy[n];
    }
}

/* The transpose: Σ w cos(kx x) cos(ky y) and its counterpart of sines, which spectra are multiplied with for Σ w p. */
FOR_EACH_PROCESSOR
void to_grid(const float *restrict weights_n, Room *room) {
    const Grid *grid = room->grid;
    const int half = grid->half, nodes = grid->nodes, padded = grid->padded, quadrant = half * half;
    for (int n = 0; n < quadrant; n++) {
        room->cosines_xy[n] = weights_n[n] + weights_n[quadrant + n];
        room->sines_xy[n] = weights_n[quadrant + n] - weights_n[n];
    }
    multiply(room->cosines_xy, half, grid->cos_xj, half, padded, room->half_xj, half);
    multiply(grid->cos_kx, half, room->half_xj, half, padded, room->even_kj, nodes);
    multiply(room->sines_xy, half, grid->sin_xj, half, padded, room->half_xj, half);
    multiply(grid->sin_kx, half, room->half_xj, half, padded, room->odd_kj, nodes);
}
