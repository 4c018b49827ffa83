/* The covariance of an estimate, and its first-order bias.

   Where an image bends as its parameters change, the maximum of the likelihood lies off the truth on average, by
   −½ C Σᵢ (∇pᵢ / variance) tr(C ∇²pᵢ) to first order in 1/SNR², with C = F⁻¹ (Box 1971, eq. 2.9; Cox & Snell 1968). The
   trace is taken as the sum of second differences over one standard deviation along the columns of a square root of C,
   which sees the curvature on the scale of the error itself. An image is linear in its spectrum: the spectra of all ten
   points are added first, and drawn once.

   Points are kept within what can be drawn. Where that cuts one of a pair short, the sum has a part of first order,
   which leads away from the edge. Pairs shortened until both fit in have none, and do no better: RMSE in bounds 0.896
   against 0.894 over two thousand images of the prior, 1.007 against 1.002 and 0.913 against 0.903 for the benchmark
   galaxy at SNR 60 and 30, though with a third less bias in n. */

#include "fit.h"

static const double LEAST_INFORMATION = 1e-8; /* least eigenvalue of a scaled Fisher matrix: float holds no less */
static const Vector LOWEST = {1, 0.3, 0.02, -1, -1}, HIGHEST = {1e9, 6.2, 5, 1, 1}; /* what can be drawn */
static const double LARGEST_SHEAR = 0.85;

/* Eigenvalues, and eigenvectors as columns, of a symmetric matrix, which is lost: Jacobi's rotations (Golub & Van Loan,
   §8.5). */
static void find_eigenvectors(Matrix matrix, Vector values, Matrix vectors) {
    for (int p = 0; p < PARAMETERS; p++)
        for (int r = 0; r < PARAMETERS; r++) vectors[p][r] = p == r;
    for (int sweep = 0; sweep < 12; sweep++) {
        double off = 0;
        for (int p = 0; p < PARAMETERS; p++)
            for (int r = 0; r < p; r++) off += matrix[p][r] * matrix[p][r];
        if (off < 1e-30) break;
        for (int p = 0; p < PARAMETERS; p++)
            for (int r = 0; r < p; r++) {
                if (matrix[p][r] == 0) continue;
                const double ratio = (matrix[r][r] - matrix[p][p]) / (2 * matrix[p][r]);
                const double tangent = (ratio < 0 ? -1 : 1) / (fabs(ratio) + sqrt(1 + ratio * ratio));
                const double cosine = 1 / sqrt(1 + tangent * tangent), sine = tangent * cosine;
                for (int i = 0; i < PARAMETERS; i++) {
                    const double one = matrix[i][p], other = matrix[i][r];
                    matrix[i][p] = cosine * one - sine * other;
                    matrix[i][r] = sine * one + cosine * other;
                }
                for (int i = 0; i < PARAMETERS; i++) {
                    const double one = matrix[p][i], other = matrix[r][i];
                    matrix[p][i] = cosine * one - sine * other;
                    matrix[r][i] = sine * one + cosine * other;
                    const double before = vectors[i][p], beside = vectors[i][r];
                    vectors[i][p] = cosine * before - sine * beside;
                    vectors[i][r] = sine * before + cosine * beside;
                }
            }
    }
    for (int p = 0; p < PARAMETERS; p++) values[p] = matrix[p][p];
}

/* Parameters differ by orders of magnitude: matrices are taken apart with a diagonal of ones. */
static void scale_down(const Matrix matrix, Vector scale, Matrix scaled) {
    for (int p = 0; p < PARAMETERS; p++) scale[p] = fmax(sqrt(matrix[p][p]), 1e-30);
    for (int p = 0; p < PARAMETERS; p++)
        for (int r = 0; r < PARAMETERS; r++) scaled[p][r] = matrix[p][r] / (scale[p] * scale[r]);
}

/* The covariance; finite, and very large, in directions that the image says nothing about. */
void invert(const Matrix fisher, Matrix covariance) {
    Vector scale, values;
    Matrix scaled, vectors;
    scale_down(fisher, scale, scaled);
    find_eigenvectors(scaled, values, vectors);
    for (int p = 0; p < PARAMETERS; p++)
        for (int r = 0; r < PARAMETERS; r++) {
            covariance[p][r] = 0;
            for (int i = 0; i < PARAMETERS; i++)
                covariance[p][r] += vectors[p][i] * vectors[r][i] / fmax(values[i], LEAST_INFORMATION);
            covariance[p][r] /= scale[p] * scale[r];
        }
}

/* Add a galaxy's spectrum to the sum in `by_q_skj`, which nothing else needs by now. */
FOR_EACH_PROCESSOR
static void add_spectrum(const Vector shape, Room *room) {
    const float flux = (float)shape[FLUX];
    lay_spectrum(shape, 0, room);
    for (int m = 0; m < 2 * room->grid->nodes * room->grid->padded; m++)
        room->by_q_skj[m] += flux * room->value_skj[m];
}

/* Expected error of the maximum at `shape`, where the likelihood was expanded last. */
void first_order_bias(const Vector shape, const Matrix covariance, Room *room, Vector bias) {
    const Grid *grid = room->grid;
    const int pixels = 2 * grid->half * grid->half;
    Vector scale, values, pull = {0}, by_a = {0};
    Matrix scaled, vectors, slopes, bends[3];
    scale_down(covariance, scale, scaled);
    find_eigenvectors(scaled, values, vectors);
    for (int m = 0; m < 2 * grid->nodes * grid->padded; m++) room->by_q_skj[m] = 0;
    for (int point = 0; point < 2 * PARAMETERS; point++) {
        const int column = point % PARAMETERS;
        const double length = (point < PARAMETERS ? 1 : -1) * sqrt(fmax(values[column], 0));
        Vector there;
        for (int p = 0; p < PARAMETERS; p++) {
            there[p] = shape[p] + length * scale[p] * vectors[p][column];
            there[p] = fmin(fmax(there[p], LOWEST[p]), HIGHEST[p]);
        }
        const double shear = sqrt(there[G1] * there[G1] + there[G2] * there[G2]), shrink = LARGEST_SHEAR / fmax(shear, LARGEST_SHEAR);
        there[G1] *= shrink, there[G2] *= shrink;
        add_spectrum(there, room);
    }
    fold_signs(room->by_q_skj, room);
    to_quadrants(room->even_kj, room->odd_kj, room, room->bend_n);
    for (int a = 0; a < PARAMETERS; a++) {
        const float *unit = room->unit_an + a * pixels;
        for (int n = 0; n < pixels; n++) {
            const double bend = room->bend_n[n] - 2 * PARAMETERS * shape[FLUX] * room->unit_an[n];
            by_a[a] += (a == FLUX ? 1 : shape[FLUX]) * unit[n] * bend * room->precision_n[n];
        }
    }
    differentiate_stretch(shape, slopes, bends);
    for (int p = 0; p < PARAMETERS; p++)
        for (int a = 0; a < PARAMETERS; a++) pull[p] += slopes[a][p] * by_a[a];
    for (int p = 0; p < PARAMETERS; p++) {
        bias[p] = 0;
        for (int r = 0; r < PARAMETERS; r++) bias[p] -= 0.5 * covariance[p][r] * pull[r];
    }
}
