/* The maximum of the likelihood, image by image: Newton's steps until one is lost in the errors. What is called from
   Python: fit_images, for every `step`-th image from the `first` one on.

   A step is taken when it does not lower the likelihood, or else tried again with more damping, so that a hopeless image
   keeps its start. The search has converged when the next step is within CLOSE errors and the likelihood bends
   downwards: that step is taken, undamped, and leaves a small part of itself. */

#include <stddef.h>

#include "fit.h"

static const double CLOSE = 1e-5;    /* errors: √(gᵀ C⁻¹ g) for the gradient g and the curvature C of ln L */
static const double ROUNDING = 1e-2; /* of the deviance, from float images: a short step may seem worse by as much */
static const double SHORT = 0.1;     /* errors; longer steps must lower the deviance */
static const double SAME = 0.5;      /* errors within which a search is on its way to a maximum that is known */
static const double VAGUE = 1. / 6, VAGUE_AT_EDGE = 1. / 14; /* errors of n, in its range, beyond which it is ambiguous */
static const double BEGIN = 0.05;    /* of the range of n, from its ends: where ambiguous images are begun again */
static const double FIRST_DAMPING = 0.3, MORE = 6, LESS = 8, NONE = 1e-2;

/* What is found for each image. */
typedef struct {
    double *maximum_bp, *covariance_bpp; /* the covariance belongs to a place within CLOSE errors */
    double *chi2_b, *norm_b;             /* Σ (image − model)² / variance and √(Σ model²) there */
    double *deviance_b;                  /* at the maximum */
    int *steps_b, *converged_b;
} Found;

Image image_of(const Batch *batch, int b, int pixels) {
    return (Image){.mean_n = batch->mean_bn + (long)b * pixels, .square_n = batch->square_bn + (long)b * pixels,
                   .share_n = batch->share_n, .variance = batch->variance_b[b],
                   .psf_radius = batch->psf_radius_b[b], .shot_noise = batch->shot_noise};
}

/* Whether a place belongs to a maximum that is known: within SAME errors of it. */
static int is_known(const Vector shape, const End *known) {
    double square = 0;
    for (int p = 0; p < PARAMETERS; p++)
        for (int r = 0; r < PARAMETERS; r++)
            square += (shape[p] - known->shape[p]) * known->at.fisher[p][r] * (shape[r] - known->shape[r]);
    return square < SAME * SAME;
}

/* The likelihood around a galaxy; or, given a prior, the posterior around a place on its scale. */
static void look(const Vector place, const Image *image, const Prior *prior, Room *room, Expansion *found) {
    if (prior)
        expand_posterior(place, image, prior, room, found);
    else
        expand(place, image, room, found);
}

/* Search from `begin`; 0 where it came upon the maximum that is known, if one is, and was ended. */
int climb(const Vector begin, const Image *image, const Limits *limits, const Prior *prior, int most, const End *known,
          Room *room, End *end) {
    Expansion there;
    Vector step, trial;
    double damping = 0;
    int convex;
    for (int p = 0; p < PARAMETERS; p++) end->near[p] = begin[p];
    bring_inside(end->near, limits);
    look(end->near, image, prior, room, &end->at);
    end->held = 1;
    for (end->taken = 0;; end->taken++) {
        const double decrement = find_step(end->near, &end->at, damping, limits, step, &convex);
        end->converged = convex && decrement <= CLOSE;
        if (end->converged && damping > 0) find_step(end->near, &end->at, 0, limits, step, &convex);
        for (int p = 0; p < PARAMETERS; p++) trial[p] = end->near[p] + step[p];
        bring_inside(trial, limits);
        if (end->converged || end->taken == most) {
            for (int p = 0; p < PARAMETERS; p++) end->shape[p] = end->converged ? trial[p] : end->near[p];
            return 1;
        }
        if (known && is_known(trial, known)) return 0;
        look(trial, image, prior, room, &there);
        end->held = there.deviance <= end->at.deviance + (decrement < SHORT ? ROUNDING : 0);
        if (end->held) {
            for (int p = 0; p < PARAMETERS; p++) end->near[p] = trial[p];
            end->at = there;
            damping = damping > NONE ? damping / LESS : 0;
        } else {
            damping = fmax(FIRST_DAMPING, damping * MORE);
        }
    }
}

/* Whether an image says so little of n that its likelihood may have a second maximum. */
static int is_ambiguous(const End *end, const Limits *limits) {
    const double range = limits->high[INDEX] - limits->low[INDEX], n = end->shape[INDEX];
    const int at_edge = n <= limits->low[INDEX] * (1 + EDGE) || n >= limits->high[INDEX] * (1 - EDGE);
    Matrix covariance;
    invert(end->at.fisher, covariance);
    return sqrt(covariance[INDEX][INDEX]) > range * (at_edge ? VAGUE_AT_EDGE : VAGUE);
}

/* The best maximum: from `begin`, and for ambiguous images from a round galaxy of little and of much concentration, too.
   Of a thousand of the prior's images one then still depends on where it began; without, five. */
static void search(const Vector begin, const Image *image, const Limits *limits, int most, Room *room, End *best) {
    End other;
    climb(begin, image, limits, NULL, most, NULL, room, best);
    if (most > 0 && is_ambiguous(best, limits)) {
        const double range = limits->high[INDEX] - limits->low[INDEX];
        for (int much = 0; much < 2; much++) {
            const double n = much ? limits->high[INDEX] - BEGIN * range : limits->low[INDEX] + BEGIN * range;
            const double radius = sqrt(limits->low[RADIUS] * limits->high[RADIUS]);
            const Vector round = {best->shape[FLUX], n, radius, 0, 0};
            best->held = 0;
            const int taken = best->taken, found =
                climb(round, image, limits, NULL, most, best->converged ? best : NULL, room, &other);
            if (found && other.at.deviance < best->at.deviance) *best = other;
            best->taken = taken + other.taken;
        }
    }
    if (!best->held) expand(best->near, image, room, &best->at);
}

/* χ² of an image against a galaxy, and √(Σ p²) of that galaxy's image; returns the deviance. */
double hold_against(const Vector shape, const Image *image, Room *room, double *chi2, double *norm) {
    double square = 0;
    lay_spectrum(shape, 0, room);
    fold_signs(room->value_skj, room);
    to_quadrants(room->even_kj, room->odd_kj, room, room->unit_an);
    const double deviance = weigh(shape[FLUX], image, room);
    *chi2 = 0;
    for (int n = 0; n < 2 * room->grid->half * room->grid->half; n++) {
        const double miss = image->mean_n[n] - shape[FLUX] * room->unit_an[n];
        *chi2 += room->precision_n[n] * (miss * miss + image->square_n[n]);
        square += 2 * image->share_n[n] * room->unit_an[n] * room->unit_an[n];
    }
    *norm = shape[FLUX] * sqrt(square);
    return deviance;
}

/* Fit images from where `begin_bp` says, with at most so many steps of each search. Returns 1 where memory is short. */
EXPORTED
int fit_images(const Grid *grid, const Tables *tables, const Batch *batch, const double *begin_bp,
               const Limits *limits, int most, const Found *found, int first, int step) {
    const int pixels = 2 * grid->half * grid->half;
    Room *room = make_room(grid, tables);
    if (!room) return 1;
    for (int b = first; b < batch->count; b += step) {
        const Image image = image_of(batch, b, pixels);
        double (*covariance)[PARAMETERS] = (void *)(found->covariance_bpp + b * PARAMETERS * PARAMETERS);
        End end;
        lay_psf(image.psf_radius, room, NULL);
        search(begin_bp + b * PARAMETERS, &image, limits, most, room, &end);
        found->converged_b[b] = end.converged;
        found->steps_b[b] = end.taken;
        found->deviance_b[b] = end.at.deviance;
        invert(end.at.fisher, covariance);
        for (int p = 0; p < PARAMETERS; p++) found->maximum_bp[b * PARAMETERS + p] = end.shape[p];
        hold_against(end.shape, &image, room, found->chi2_b + b, found->norm_b + b);
    }
    leave_room(room);
    return 0;
}
