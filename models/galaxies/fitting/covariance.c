/* The covariance of an estimate: the inverse of its Fisher matrix. */

#include "fit.h"

static const double LEAST_INFORMATION = 1e-8; /* least eigenvalue of a scaled Fisher matrix: float holds no less */

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
