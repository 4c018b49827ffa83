/* The likelihood of one image around one galaxy: its value, gradient, Fisher matrix and second derivatives.

   Derivatives are taken by flux, n and the three numbers of the stretch first, by which the image's are spectra of their
   own, and carried over to `SHAPE`. The second derivatives Σ (∂ ln L/∂p) ∂²p take no further images: the pixels' share is
   carried back to the grid and summed there; of the pixels' own noise they hold what is expected. */

#include "fit.h"

enum { FACTORS = 16 }; /* ratios of variances whose product a double holds: one logarithm for all */

FOR_EACH_PROCESSOR
void fold_signs(const float *restrict value_skj, Room *room) {
    const int plane = room->grid->nodes * room->grid->padded;
    float *restrict even = room->even_kj, *restrict odd = room->odd_kj;
    for (int m = 0; m < plane; m++) {
        even[m] = (value_skj[m] + value_skj[plane + m]) * room->weight_kj[m];
        odd[m] = (value_skj[m] - value_skj[plane + m]) * room->weight_kj[m];
    }
}

/* The image of unit flux, and its derivatives by n and the stretch. */
FOR_EACH_PROCESSOR
static void draw_derivatives(Room *room) {
    const Grid *grid = room->grid;
    const int plane = grid->nodes * grid->padded, pixels = 2 * grid->half * grid->half;
    float *restrict even = room->even_kj, *restrict odd = room->odd_kj;
    fold_signs(room->value_skj, room);
    to_quadrants(even, odd, room, room->unit_an);
    fold_signs(room->by_n_skj, room);
    to_quadrants(even, odd, room, room->unit_an + pixels);
    for (int a = 2; a < PARAMETERS; a++) {
        const float *restrict square = grid->squares_3kj + (a - 2) * plane, *restrict by_q = room->by_q_skj;
        for (int m = 0; m < plane; m++) {
            const float weight = room->weight_kj[m] * square[m];
            even[m] = (by_q[m] + by_q[plane + m]) * weight;
            odd[m] = (by_q[m] - by_q[plane + m]) * weight;
        }
        if (a == PARAMETERS - 1) /* 2 kx ky has the sign of ky */
            to_quadrants(odd, even, room, room->unit_an + a * pixels);
        else
            to_quadrants(even, odd, room, room->unit_an + a * pixels);
    }
}

/* The deviance of the drawn image; leaves each pixel's precision and pull. */
FOR_EACH_PROCESSOR
double weigh(double flux, const Image *image, Room *room) {
    const int pixels = 2 * room->grid->half * room->grid->half;
    const float brightness = (float)flux, floor = (float)image->variance, shot = image->shot_noise ? 1 : 0;
    const float *restrict unit = room->unit_an, *restrict share = image->share_n;
    float *restrict precision_n = room->precision_n, *restrict pull_n = room->pull_n;
    double chi2 = 0, logarithm = 0;
    for (int n = 0; n < pixels; n++) {
        const float model = brightness * unit[n], noisier = (model > 0 ? model : 0) * shot;
        const float precision = 1 / (floor + noisier), miss = image->mean_n[n] - model;
        const float pair = (miss * miss + image->square_n[n]) * precision;
        const float louder = model > 0 ? (pair - 1) * precision * shot : 0; /* brighter models are noisier, too */
        precision_n[n] = 2 * share[n] * precision;
        pull_n[n] = share[n] * (2 * miss * precision + louder);
        chi2 += 2 * share[n] * pair;
    }
    if (!image->shot_noise) return chi2;
    for (int begin = 0; begin < pixels; begin += FACTORS) {
        double ratios = 1;
        for (int n = begin; n < pixels && n < begin + FACTORS; n++) {
            const double ratio = 1 + (unit[n] > 0 ? brightness * unit[n] : 0) / floor;
            if (share[n] == 1)
                ratios *= ratio;
            else
                logarithm += share[n] * log(ratio);
        }
        logarithm += log(ratios);
    }
    return chi2 + 2 * logarithm;
}

/* Gradient and Fisher matrix by flux, n and the stretch. */
FOR_EACH_PROCESSOR
static void sum_pixels(double flux, Room *room, Expansion *found) {
    const int pixels = 2 * room->grid->half * room->grid->half;
    const float *restrict pull = room->pull_n, *restrict precision = room->precision_n;
    for (int a = 0; a < PARAMETERS; a++) {
        const float *restrict one = room->unit_an + a * pixels;
        float slope = 0;
        for (int n = 0; n < pixels; n++) slope += one[n] * pull[n];
        found->gradient[a] = (a == FLUX ? 1 : flux) * slope;
        for (int b = 0; b <= a; b++) {
            const float *restrict other = room->unit_an + b * pixels;
            float overlap = 0;
            for (int n = 0; n < pixels; n++) overlap += one[n] * precision[n] * other[n];
            found->fisher[a][b] = found->fisher[b][a] = (a == FLUX ? 1 : flux) * (b == FLUX ? 1 : flux) * overlap;
        }
    }
}

/* Σ (∂ ln L/∂p) ∂²p by flux, n and the stretch. */
FOR_EACH_PROCESSOR
static void sum_grid(double flux, Room *room, const Vector gradient, Matrix bend) {
    const Grid *grid = room->grid;
    const int plane = grid->nodes * grid->padded;
    const float *restrict square0 = grid->squares_3kj, *restrict square1 = square0 + plane;
    const float *restrict square2 = square1 + plane, *restrict weight = room->weight_kj;
    const float *restrict nn = room->by_n_n_skj, *restrict nq = room->by_n_q_skj, *restrict qq = room->by_q_q_skj;
    to_grid(room->pull_n, room);
    float by_nn = 0, by_n0 = 0, by_n1 = 0, by_n2 = 0;
    float by_00 = 0, by_01 = 0, by_02 = 0, by_11 = 0, by_12 = 0, by_22 = 0;
    for (int m = 0; m < plane; m++) {
        const float cosine = room->even_kj[m] * weight[m], sine = room->odd_kj[m] * weight[m];
        const float plus = cosine + sine, minus = cosine - sine;
        by_nn += nn[m] * plus + nn[plane + m] * minus;
        float above = nq[m] * plus, below = nq[plane + m] * minus;
        by_n0 += (above + below) * square0[m];
        by_n1 += (above + below) * square1[m];
        by_n2 += (above - below) * square2[m];
        above = qq[m] * plus, below = qq[plane + m] * minus;
        const float both = above + below, apart = above - below;
        by_00 += both * square0[m] * square0[m];
        by_01 += both * square0[m] * square1[m];
        by_02 += apart * square0[m] * square2[m];
        by_11 += both * square1[m] * square1[m];
        by_12 += apart * square1[m] * square2[m];
        by_22 += both * square2[m] * square2[m];
    }
    const double upper[4][4] = {
        {by_nn, by_n0, by_n1, by_n2}, {0, by_00, by_01, by_02}, {0, 0, by_11, by_12}, {0, 0, 0, by_22}};
    bend[0][0] = 0;
    for (int a = 1; a < PARAMETERS; a++) {
        bend[0][a] = bend[a][0] = gradient[a] / flux;
        for (int b = a; b < PARAMETERS; b++) bend[a][b] = bend[b][a] = flux * upper[a - 1][b - 1];
    }
}

/* Derivatives of flux, n and the stretch by `SHAPE`, and second ones of the stretch, which is s (1 + g²), 2 s g1, 2 s g2
   with s = r² / (1 − g²). */
void differentiate_stretch(const Vector shape, Matrix slopes, Matrix bends[3]) {
    const double *g = shape + G1, radius = shape[RADIUS];
    const double left = 1 - g[0] * g[0] - g[1] * g[1], scale = radius * radius / left, sum = 2 - left;
    const double by[3] = {2 * scale / radius, 2 * g[0] * scale / left, 2 * g[1] * scale / left};
    for (int p = 0; p < PARAMETERS; p++)
        for (int r = 0; r < PARAMETERS; r++) slopes[p][r] = bends[0][p][r] = bends[1][p][r] = bends[2][p][r] = 0;
    slopes[FLUX][FLUX] = slopes[INDEX][INDEX] = 1;
    for (int i = 0; i < 3; i++) {
        slopes[2][RADIUS + i] = by[i] * sum;
        slopes[3][RADIUS + i] = 2 * by[i] * g[0];
        slopes[4][RADIUS + i] = 2 * by[i] * g[1];
        for (int j = 0; j < 3; j++) {
            double by_by; /* of s */
            if (i == 0 || j == 0)
                by_by = i == j ? by[0] / radius : 2 * by[i + j] / radius;
            else
                by_by = (2 * g[i - 1] * (by[j] + 2 * g[j - 1] * scale / left) + (i == j ? 2 * scale : 0)) / left;
            bends[0][RADIUS + i][RADIUS + j] = by_by * sum;
            bends[1][RADIUS + i][RADIUS + j] = 2 * by_by * g[0];
            bends[2][RADIUS + i][RADIUS + j] = 2 * by_by * g[1];
        }
    }
    for (int i = 0; i < 2; i++) {
        slopes[2][G1 + i] += 2 * scale * g[i];
        slopes[3 + i][G1 + i] += 2 * scale;
        bends[0][G1 + i][G1 + i] += 2 * scale;
        for (int j = 0; j < 3; j++) {
            bends[0][RADIUS + j][G1 + i] += 2 * by[j] * g[i];
            bends[0][G1 + i][RADIUS + j] += 2 * by[j] * g[i];
            bends[1 + i][RADIUS + j][G1 + i] += 2 * by[j];
            bends[1 + i][G1 + i][RADIUS + j] += 2 * by[j];
        }
    }
}

/* Aᵀ M A in place of M. */
void carry_over(Matrix matrix, const Matrix slopes) {
    Matrix right = {{0}};
    for (int a = 0; a < PARAMETERS; a++)
        for (int p = 0; p < PARAMETERS; p++)
            for (int b = 0; b < PARAMETERS; b++) right[a][p] += matrix[a][b] * slopes[b][p];
    for (int p = 0; p < PARAMETERS; p++)
        for (int r = 0; r < PARAMETERS; r++) {
            matrix[p][r] = 0;
            for (int a = 0; a < PARAMETERS; a++) matrix[p][r] += slopes[a][p] * right[a][r];
        }
}

/* A galaxy's image of unit flux, and its derivatives by n and the stretch. */
void draw_around(const Vector shape, Room *room) {
    lay_spectrum(shape, 1, room);
    draw_derivatives(room);
}

/* All that is asked of the likelihood at one galaxy. */
void expand(const Vector shape, const Image *image, Room *room, Expansion *found) {
    Matrix slopes, bends[3];
    Vector by_a;
    draw_around(shape, room);
    found->deviance = weigh(shape[FLUX], image, room);
    sum_pixels(shape[FLUX], room, found);
    sum_grid(shape[FLUX], room, found->gradient, found->curvature);
    differentiate_stretch(shape, slopes, bends);
    for (int a = 0; a < PARAMETERS; a++) by_a[a] = found->gradient[a];
    for (int p = 0; p < PARAMETERS; p++) {
        found->gradient[p] = 0;
        for (int a = 0; a < PARAMETERS; a++) found->gradient[p] += slopes[a][p] * by_a[a];
    }
    carry_over(found->fisher, slopes);
    carry_over(found->curvature, slopes);
    for (int p = 0; p < PARAMETERS; p++)
        for (int r = 0; r < PARAMETERS; r++) {
            double bend = found->curvature[p][r];
            for (int i = 0; i < 3; i++) bend += by_a[2 + i] * bends[i][p][r];
            found->curvature[p][r] = found->fisher[p][r] - bend;
        }
}
