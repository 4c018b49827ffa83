/* The posterior on the prior's own scale, on which that is a standard normal distribution (models/galaxies/prior.py).

   Flux, n and radius are uniform: low + width Φ(u). A shear of uniform length A and angle is A = a (1 − exp(−ρ²/2)) in
   the direction of (u, v), ρ its length. On this scale no posterior is cut off, and none has a pole at the centre of the
   shear: its maximum exists, and it is close to Gaussian around it. */

#include "fit.h"

static const double LEAST_LENGTH = 1e-6; /* of (u, v), where the direction of a bend is no longer defined */
static const double ROOT_HALF = 0.70710678118654752440, ROOT_2PI = 2.50662827463100050242;

/* The galaxy at a place on the scale, with its first derivatives, and its second ones by parameter. */
void leave_scale(const Vector place, const Prior *prior, Vector shape, Matrix slopes, Matrix bends[PARAMETERS]) {
    for (int p = 0; p < PARAMETERS; p++)
        for (int r = 0; r < PARAMETERS; r++) {
            slopes[p][r] = 0;
            for (int i = 0; i < PARAMETERS; i++) bends[i][p][r] = 0;
        }
    for (int p = FLUX; p <= RADIUS; p++) {
        const double u = place[p], width = prior->high[p] - prior->low[p];
        shape[p] = prior->low[p] + width * 0.5 * erfc(-u * ROOT_HALF);
        slopes[p][p] = width * exp(-u * u / 2) / ROOT_2PI;
        bends[p][p][p] = -u * slopes[p][p];
    }
    const double *u = place + G1, square = u[0] * u[0] + u[1] * u[1];
    const double length = fmax(sqrt(square), LEAST_LENGTH), fall = prior->shear * exp(-length * length / 2);
    /* g = stretch(ρ) u; the derivatives of the stretch by ρ, each over ρ. */
    const double stretch = -prior->shear * expm1(-length * length / 2) / length, by = fall - stretch / length;
    const double first = by / length;
    const double by_by = -length * fall - by / length + stretch / (length * length);
    const double second = (by_by - first) / (length * length);
    for (int i = 0; i < 2; i++) {
        shape[G1 + i] = stretch * u[i];
        for (int j = 0; j < 2; j++) {
            slopes[G1 + i][G1 + j] = (i == j ? stretch : 0) + first * u[i] * u[j];
            for (int k = 0; k < 2; k++)
                bends[G1 + i][G1 + j][G1 + k] = first * ((i == j ? u[k] : 0) + (i == k ? u[j] : 0) + (j == k ? u[i] : 0)) +
                                                second * u[i] * u[j] * u[k];
        }
    }
}

/* ln of the posterior around a place on the scale, in the same terms as the likelihood's. */
void expand_posterior(const Vector place, const Image *image, const Prior *prior, Room *room, Expansion *found) {
    Vector shape, by_shape;
    Matrix slopes, bends[PARAMETERS];
    leave_scale(place, prior, shape, slopes, bends);
    expand(shape, image, room, found);
    for (int p = 0; p < PARAMETERS; p++) by_shape[p] = found->gradient[p];
    carry_over(found->fisher, slopes);
    carry_over(found->curvature, slopes);
    for (int p = 0; p < PARAMETERS; p++) {
        found->deviance += place[p] * place[p];
        found->gradient[p] = -place[p];
        found->fisher[p][p] += 1;
        found->curvature[p][p] += 1;
        for (int i = 0; i < PARAMETERS; i++) found->gradient[p] += slopes[i][p] * by_shape[i];
        for (int r = 0; r < PARAMETERS; r++)
            for (int i = 0; i < PARAMETERS; i++) found->curvature[p][r] -= by_shape[i] * bends[i][p][r];
    }
}
