/* What the files of this room share: the grid, an image, what is found, and the room that one thread works in.

   Everything is worked out for one image after the other, so that nothing else of its batch, and no number of threads,
   can move a bit of it. Images and spectra are float, sums over parameters double.

   Suffixes as in the Python around it: k, j nodes of the two axes, the second padded; x, y pixels of half of a side;
   n pixels of two quadrants; s sign of ky; p parameters (flux, n, half_light_radius, g1, g2); a the same with the three
   numbers of the stretch in place of radius and shear. */

#ifndef FIT_H
#define FIT_H

#include <math.h> /* which also says whether this is glibc */

enum { FLUX, INDEX, RADIUS, G1, G2, PARAMETERS };

typedef double Vector[PARAMETERS];
typedef double Matrix[PARAMETERS][PARAMETERS];

/* Constants of one stamp size and axis. */
typedef struct {
    int nodes, padded, half;  /* rows k, columns j, pixels of half a side */
    const float *squares_3kj; /* k², kx² − ky² and 2 kx ky at positive ky, arcsec⁻²; 1, 0, 0 in the padding */
    const float *pixel_kj;    /* weight of each wave vector, with the pixel's transform; 0 in the padding */
    const float *cos_kx, *sin_kx, *cos_xj, *sin_xj;
} Grid;

/* Transforms of the profiles (tables.py). */
typedef struct {
    int intervals, terms, shift, first; /* how an interval is read off the bits of q */
    double lowest_ln_n, highest_ln_n;
    const float *sersic_ct; /* the four coefficients of every interval, one after the other, by Chebyshev term */
    const float *moffat_t;
} Tables;

/* Where estimates may lie; of the shear the largest length. */
typedef struct {
    double low[RADIUS + 1], high[RADIUS + 1], shear;
} Limits;

/* The prior: flux, n and radius uniform; the shear's length, too, up to `shear`, and its angle. */
typedef struct {
    double low[RADIUS + 1], high[RADIUS + 1], shear;
} Prior;

/* Images of one grid, folded: a centred galaxy is the same after half a turn, so the mean of a pair of pixels and half
   their difference are all that is needed. A pair counts as its share: less than 1 where an odd stamp's middle row or
   column comes twice. */
typedef struct {
    int count, shot_noise;
    const float *mean_bn, *square_bn, *share_n;
    const double *variance_b, *psf_radius_b; /* of a pixel's noise, counts²; of the Moffat profile, arcsec */
} Batch;

typedef struct {
    const float *mean_n, *square_n, *share_n;
    double variance, psf_radius;
    int shot_noise;
} Image;

/* The likelihood around one galaxy: −2 ln L up to a constant of the image, and derivatives of ln L. */
typedef struct {
    double deviance;
    Vector gradient;
    Matrix fisher;
    Matrix curvature; /* minus the second derivatives, with what is expected of the pixels' own noise */
} Expansion;

/* Where a search ended. */
typedef struct {
    Vector shape, near; /* the maximum, and where ln L was expanded last: within 1e-5 errors of it */
    Expansion at;
    int converged, taken, held; /* held: the room still holds the images at `near` */
} End;

/* Room for one image at a time. */
typedef struct {
    const Grid *grid;
    const Tables *tables;
    float *weight_kj, *even_kj, *odd_kj;                                        /* PSF, pixel and spacing; a spectrum */
    float *half_xj, *cosines_xy, *sines_xy;                                     /* between the two sums */
    float *terms_3c, *cubics_3t;                                                /* at the galaxy's index */
    float *value_skj, *by_q_skj, *by_n_skj, *by_q_q_skj, *by_n_q_skj, *by_n_n_skj;
    float *unit_an;                 /* derivatives of the image of unit flux; first, that image */
    float *precision_n, *pull_n;    /* 1 / variance, and ∂ ln L/∂p */
} Room;

/* room.c */
Room *make_room(const Grid *grid, const Tables *tables);
void leave_room(Room *room);

/* spectrum.c */
void lay_psf(double radius, Room *room, float *slope_kj);
void lay_spectrum(const Vector shape, int derivatives, Room *room);

/* transform.c */
void multiply(const float *a, int a_width, const float *b, int inner, int width, float *out, int rows);
void to_quadrants(const float *even_kj, const float *odd_kj, Room *room, float *quadrants_n);
void to_grid(const float *weights_n, Room *room);

/* likelihood.c */
void fold_signs(const float *value_skj, Room *room);
double weigh(double flux, const Image *image, Room *room);
void draw_around(const Vector shape, Room *room);
void expand(const Vector shape, const Image *image, Room *room, Expansion *found);
void differentiate_stretch(const Vector shape, Matrix slopes, Matrix bends[3]);
void carry_over(Matrix matrix, const Matrix slopes);

/* prior.c */
void leave_scale(const Vector place, const Prior *prior, Vector shape, Matrix slopes, Matrix bends[PARAMETERS]);
void expand_posterior(const Vector place, const Image *image, const Prior *prior, Room *room, Expansion *found);

/* step.c */
void bring_inside(Vector shape, const Limits *limits);
double find_step(const Vector shape, const Expansion *at, double damping, const Limits *limits, Vector step,
                 int *convex);

/* covariance.c */
void invert(const Matrix fisher, Matrix covariance);

/* search.c */
Image image_of(const Batch *batch, int b, int pixels);
int climb(const Vector begin, const Image *image, const Limits *limits, const Prior *prior, int most, const End *known,
          Room *room, End *end);
double hold_against(const Vector shape, const Image *image, Room *room, double *chi2, double *norm);

/* Relative distance from an edge of the limits that counts as on it. */
#define EDGE 1e-7

#define EXPORTED __attribute__((visibility("default")))

/* One function for each kind of processor, chosen when the library is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 12
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#elif defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 6
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#endif
