/* What was typed, as search meets it: at each place, which characters may come next and at what cost (model/query.py).
 * A query is written down as a whole, or its places are made when search comes there (typed.h).
 *
 * Legend: A arcs of a place.
 */
#ifndef MACHIM_ARCS_H
#define MACHIM_ARCS_H

#include <stddef.h>
#include <stdint.h>

/* count: A; free: all that was typed is matched, so that anything may follow; by_symbol: (symbols,) which arc a
 * character has, -1 for none; NULL where there are so few arcs that they are looked through. */
typedef struct {
    int32_t known, free, count, symbols;
    int32_t *ids;
    float *costs;
    int32_t *places;
    int32_t *by_symbol;
} Place;

/* automaton: makes the places, NULL where they were written down. */
typedef struct {
    Place *places;
    int32_t count, room;
    struct Automaton *automaton;
    int failed;
} Query;

/* Give a place, until another one is asked for; NULL where there is no memory for it. */
const Place *place_at(Query *query, int32_t number);

/* Make room for the arcs of a place (count,); when they are there, make them known. Both give whether there was
 * memory. */
int hold_arcs(Place *place, int32_t count);
int make_known(Place *place);

/* Give the rank of the arc for a symbol, or -1. */
static inline int32_t arc_of(const Place *place, int32_t symbol) {
    if (place->by_symbol != NULL) return symbol < place->symbols ? place->by_symbol[symbol] : -1;
    for (int32_t arc = 0; arc < place->count; arc++)
        if (place->ids[arc] == symbol) return arc;
    return -1;
}

#endif
