/* The spectrum of one galaxy on the grid, with what its derivatives are made of, and that of its PSF.

   The galaxy's transform is S(n, q) of tables.py, q = stretch · (k², kx² − ky², 2 kx ky): every derivative by radius and
   shear is one by q, times what the stretch does. */

#include "fit.h"

enum { BLOCK = 256 }; /* points at a time: they stay in the nearest cache */

typedef int Bits __attribute__((may_alias)); /* those of a float */

/* What makes q of k², kx² − ky² and 2 kx ky (rendering.py). */
static void stretch_of(const Vector shape, double stretch[3]) {
    const double square = shape[G1] * shape[G1] + shape[G2] * shape[G2];
    const double scale = shape[RADIUS] * shape[RADIUS] / (1 - square);
    stretch[0] = scale * (1 + square);
    stretch[1] = 2 * scale * shape[G1];
    stretch[2] = 2 * scale * shape[G2];
}

/* For points of q, the number of each one's interval, and how far it lies beyond the start of that. */
static inline __attribute__((always_inline)) void locate(const float *restrict q, int count, const Tables *tables,
                                                         int *restrict interval, float *restrict beyond) {
    const int shift = tables->shift, first = tables->first, last = tables->intervals - 1;
    const Bits *restrict read = (const Bits *)q;
    Bits *restrict start = (Bits *)beyond;
    for (int i = 0; i < count; i++) {
        const int number = (read[i] >> shift) - first, floored = number < 0 ? 0 : number;
        start[i] = read[i] >> shift << shift;
        interval[i] = floored < last ? floored : last; /* beyond the table there is nothing to see */
    }
    for (int i = 0; i < count; i++) beyond[i] = q[i] - beyond[i];
}

/* The PSF's transform times the weight of each wave vector, and, unless it is NULL, its slope by q = radius² k² times the
   same; `radius` is the Moffat profile's, arcseconds. */
FOR_EACH_PROCESSOR
void lay_psf(double radius, Room *room, float *slope_kj) {
    const Tables *tables = room->tables;
    const float square = (float)(radius * radius);
    const float *c0 = tables->moffat_t, *c1 = c0 + tables->intervals, *c2 = c1 + tables->intervals;
    const float *c3 = c2 + tables->intervals, *pixel = room->grid->pixel_kj, *squares = room->grid->squares_3kj;
    const int plane = room->grid->nodes * room->grid->padded;
    float *restrict weight = room->weight_kj, q[BLOCK], beyond[BLOCK];
    int interval[BLOCK];
    for (int begin = 0; begin < plane; begin += BLOCK) {
        const int count = plane - begin < BLOCK ? plane - begin : BLOCK;
        for (int i = 0; i < count; i++) q[i] = square * squares[begin + i];
        locate(q, count, tables, interval, beyond);
        for (int i = 0; i < count; i++) {
            const int t = interval[i];
            const float psf = c0[t] + beyond[i] * (c1[t] + beyond[i] * (c2[t] + beyond[i] * c3[t]));
            weight[begin + i] = psf * pixel[begin + i];
        }
        for (int i = 0; slope_kj && i < count; i++) {
            const int t = interval[i];
            slope_kj[begin + i] = (c1[t] + beyond[i] * (2 * c2[t] + beyond[i] * 3 * c3[t])) * pixel[begin + i];
        }
    }
}

/* The cubics of a Sérsic index, and for three orders their first and second derivatives by it:
   d cos(c a)/dn with cos a linear in ln n. */
static void lay_cubics(double n, int orders, Room *room) {
    const Tables *tables = room->tables;
    const double width = tables->highest_ln_n - tables->lowest_ln_n;
    const double angle = acos((2 * log(n) - tables->lowest_ln_n - tables->highest_ln_n) / width);
    const double slope = 2 / (width * n), bend = -slope / n;
    float *terms = room->terms_3c;
    for (int c = 0; c < tables->terms; c++) {
        const double value = cos(c * angle), other = c * sin(c * angle) / sin(angle);
        const double second = (other * cos(angle) - c * c * value) / (sin(angle) * sin(angle));
        terms[c] = (float)value;
        terms[tables->terms + c] = (float)(other * slope);
        terms[2 * tables->terms + c] = (float)(second * slope * slope + other * bend);
    }
    multiply(terms, tables->terms, tables->sersic_ct, tables->terms, 4 * tables->intervals, room->cubics_3t, orders);
}

/* The spectrum of unit flux, and what its derivatives are made of where asked for. */
FOR_EACH_PROCESSOR
void lay_spectrum(const Vector shape, int derivatives, Room *room) {
    const Tables *tables = room->tables;
    const int plane = room->grid->nodes * room->grid->padded, intervals = tables->intervals;
    const float *square0 = room->grid->squares_3kj, *square1 = square0 + plane, *square2 = square1 + plane;
    float q[BLOCK], beyond[BLOCK];
    int interval[BLOCK];
    double stretch[3];
    stretch_of(shape, stretch);
    lay_cubics(shape[INDEX], derivatives ? 3 : 1, room);
    const float *restrict c0 = room->cubics_3t, *restrict c1 = c0 + intervals, *restrict c2 = c1 + intervals;
    const float *restrict c3 = c2 + intervals, *restrict n0 = c3 + intervals, *restrict n1 = n0 + intervals;
    const float *restrict n2 = n1 + intervals, *restrict n3 = n2 + intervals, *restrict nn0 = n3 + intervals;
    const float *restrict nn1 = nn0 + intervals;
    for (int s = 0; s < 2; s++) {
        const float along = (float)stretch[0], across = (float)stretch[1];
        const float diagonal = (float)(s == 0 ? stretch[2] : -stretch[2]);
        for (int begin = 0; begin < plane; begin += BLOCK) {
            const int count = plane - begin < BLOCK ? plane - begin : BLOCK, place = s * plane + begin;
            for (int i = 0; i < count; i++)
                q[i] = along * square0[begin + i] + across * square1[begin + i] + diagonal * square2[begin + i];
            locate(q, count, tables, interval, beyond);
            float *restrict value = room->value_skj + place;
            for (int i = 0; i < count; i++) {
                const int t = interval[i];
                value[i] = c0[t] + beyond[i] * (c1[t] + beyond[i] * (c2[t] + beyond[i] * c3[t]));
            }
            if (!derivatives) continue;
            float *restrict by_q = room->by_q_skj + place, *restrict by_q_q = room->by_q_q_skj + place;
            float *restrict by_n = room->by_n_skj + place, *restrict by_n_q = room->by_n_q_skj + place;
            float *restrict by_n_n = room->by_n_n_skj + place;
            for (int i = 0; i < count; i++) {
                const int t = interval[i];
                by_q[i] = c1[t] + beyond[i] * (2 * c2[t] + beyond[i] * 3 * c3[t]);
                by_q_q[i] = 2 * c2[t] + beyond[i] * 6 * c3[t];
            }
            for (int i = 0; i < count; i++) {
                const int t = interval[i];
                by_n[i] = n0[t] + beyond[i] * (n1[t] + beyond[i] * (n2[t] + beyond[i] * n3[t]));
                by_n_q[i] = n1[t] + beyond[i] * (2 * n2[t] + beyond[i] * 3 * n3[t]);
                by_n_n[i] = nn0[t] + beyond[i] * nn1[t]; /* second derivatives lead the search, and are in no answer */
            }
        }
    }
}
