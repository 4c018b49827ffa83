/* What residual.c, maps.c and source.c share: maps of one image around a galaxy.

   Maps are of whole stamps, row by row; i a pixel, c a change of the mean image. Whitened is what was divided by each
   pixel's standard deviation. */

#ifndef RESIDUAL_H
#define RESIDUAL_H

#include "fit.h"

/* Changes of the mean image: derivatives by ln FWHM and shear of the PSF, counts in every pixel, shifts by a pixel. */
enum { PSF_FWHM, PSF_G1, PSF_G2, SKY, SHIFT_X, SHIFT_Y, CHANGES };
/* Around the centre, where a galaxy's light is; at the border of the stamp; and between. */
enum { CORE, WINGS, BORDER, REGIONS };
enum { NEAR, FAR, PLACES };

enum { WIDEST = 31 }; /* pixels that a source's profile is followed to, from its middle */

/* Maps of one image. */
typedef struct {
    int size;
    float *residual_i, *weight_i;             /* whitened; 1 / standard deviation */
    float *slope_pi, *change_ci;              /* whitened derivatives by `SHAPE`, and changes */
    float *level_i;                           /* the part of a sky that no galaxy takes, of length 1 */
    float *model_i, *scratch_i, *wide_i;
    float *source_i, *power_i, *shared_pi;    /* r, 1 and the derivatives seen through a source's profile */
    float *psf_slope_kj;                      /* of the PSF's transform by ln of its square radius, with the weight */
} Maps;

/* maps.c */
Maps *make_maps(const Grid *grid, int size);
void leave_maps(Maps *maps);
void lay_maps(const Vector shape, const Image *image, const float *image_i, Room *room, Maps *maps);

/* source.c */
void find_sources(Maps *maps, const Matrix covariance, double sd, double best[PLACES], double flux[PLACES],
                  double x[PLACES], double y[PLACES]);

/* residual.c */
void times(const Matrix matrix, const Vector vector, Vector out);
double dot(const Vector a, const Vector b);

#endif
