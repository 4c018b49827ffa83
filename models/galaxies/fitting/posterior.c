/* The posterior of an image on the prior's scale (prior.c): its maximum, and how much galaxies at given places weigh.
   What is called from Python, for every `step`-th image from the `first` one on. Both return 1 where memory is short. */

#include <stddef.h>

#include "fit.h"

static const Limits SCALE = {{-5, -5, -5}, {5, 5, 5}, 5}; /* all that a standard normal distribution holds, to 1e-6 */

/* The maximum of each posterior, from where `begin_bp` says, and minus the second derivatives of its logarithm there. */
EXPORTED
int find_modes(const Grid *grid, const Tables *tables, const Batch *batch, const Prior *prior, const double *begin_bp,
               int most, double *mode_bp, double *precision_bpp, int *converged_b, int first, int step) {
    const int pixels = 2 * grid->half * grid->half;
    Room *room = make_room(grid, tables);
    if (!room) return 1;
    for (int b = first; b < batch->count; b += step) {
        const Image image = image_of(batch, b, pixels);
        End end;
        lay_psf(image.psf_radius, room, NULL);
        climb(begin_bp + b * PARAMETERS, &image, &SCALE, prior, most, NULL, room, &end);
        /* Elsewhere than at a maximum it may bend upwards; Fisher's matrix never does. */
        const double (*precision)[PARAMETERS] = end.converged ? end.at.curvature : end.at.fisher;
        converged_b[b] = end.converged;
        for (int p = 0; p < PARAMETERS; p++) {
            mode_bp[b * PARAMETERS + p] = end.shape[p];
            for (int r = 0; r < PARAMETERS; r++)
                precision_bpp[(b * PARAMETERS + p) * PARAMETERS + r] = precision[p][r];
        }
    }
    leave_room(room);
    return 0;
}

/* For each of so many places an image −2 ln of the posterior, up to a constant of the image, and √(Σ p²). */
EXPORTED
int weigh_places(const Grid *grid, const Tables *tables, const Batch *batch, const Prior *prior, const double *place_bsp,
                 int places, double *deviance_bs, double *norm_bs, int first, int step) {
    const int pixels = 2 * grid->half * grid->half;
    Room *room = make_room(grid, tables);
    Matrix slopes, bends[PARAMETERS];
    if (!room) return 1;
    for (int b = first; b < batch->count; b += step) {
        const Image image = image_of(batch, b, pixels);
        lay_psf(image.psf_radius, room, NULL);
        for (long s = (long)b * places; s < ((long)b + 1) * places; s++) {
            const double *place = place_bsp + s * PARAMETERS;
            Vector shape;
            double chi2;
            leave_scale(place, prior, shape, slopes, bends);
            deviance_bs[s] = hold_against(shape, &image, room, &chi2, norm_bs + s);
            for (int p = 0; p < PARAMETERS; p++) deviance_bs[s] += place[p] * place[p];
        }
    }
    leave_room(room);
    return 0;
}
