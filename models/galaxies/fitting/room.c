/* Where one image at a time is worked out: a block of memory, cut into pieces that begin where a processor likes them to. */

#include <stdlib.h>

#include "fit.h"

/* Room for images of one grid; NULL where memory is short. */
Room *make_room(const Grid *grid, const Tables *tables) {
    const long plane = (long)grid->nodes * grid->padded, quadrant = (long)grid->half * grid->half;
    const long sizes[] = {plane, plane, plane, (long)grid->half * grid->padded, quadrant, quadrant,
                          3L * tables->terms, 12L * tables->intervals, 2 * plane, 2 * plane, 2 * plane, 2 * plane, 2 * plane,
                          2 * plane, 2L * PARAMETERS * quadrant, 2 * quadrant, 2 * quadrant};
    enum { PIECES = sizeof sizes / sizeof *sizes, ALIGNED = 16 };
    long total = 0;
    for (int i = 0; i < PIECES; i++) total += (sizes[i] + ALIGNED - 1) / ALIGNED * ALIGNED;
    Room *room = malloc(sizeof *room);
    float *next = aligned_alloc(ALIGNED * sizeof(float), (size_t)total * sizeof(float));
    if (!room || !next) {
        free(room);
        free(next);
        return NULL;
    }
    float **pieces[PIECES] = {&room->weight_kj, &room->even_kj, &room->odd_kj, &room->half_xj, &room->cosines_xy,
                              &room->sines_xy, &room->terms_3c, &room->cubics_3t, &room->value_skj, &room->by_q_skj,
                              &room->by_n_skj, &room->by_q_q_skj, &room->by_n_q_skj, &room->by_n_n_skj, &room->unit_an,
                              &room->precision_n, &room->pull_n};
    for (int i = 0; i < PIECES; i++) {
        *pieces[i] = next;
        next += (sizes[i] + ALIGNED - 1) / ALIGNED * ALIGNED;
    }
    room->grid = grid;
    room->tables = tables;
    return room;
}

void leave_room(Room *room) {
    free(room->weight_kj);
    free(room);
}
