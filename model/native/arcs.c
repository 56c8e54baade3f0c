/* The places of a query, written down or made when they are asked for; see arcs.h. */
#include "arcs.h"

#include <string.h>

#include "memory.h"
#include "typed.h"

enum { FEW = 8, ANYTHING = -1 };

void machim_query_free(Query *query) {
    for (int32_t number = 0; number < query->count; number++) {
        free(query->places[number].ids);
        free(query->places[number].by_symbol);
    }
    free(query->places);
    if (query->automaton != NULL) automaton_free(query->automaton);
    free(query);
}

/* Make a query: of what was typed, or for NULL one whose places are written down. */
Query *machim_query_new(const Typed *typed) {
    Query *query = calloc(1, sizeof *query);
    if (query == NULL || typed == NULL) return query;
    query->automaton = automaton_new(typed);
    if (query->automaton != NULL) return query;
    machim_query_free(query);
    return NULL;
}

int hold_arcs(Place *place, int32_t count) {
    free(place->ids);
    place->ids = malloc((size_t)count * (2 * sizeof(int32_t) + sizeof(float)) + 1); /* none is no NULL */
    if (place->ids == NULL) return 0;
    place->places = place->ids + count;
    place->costs = (float *)(place->places + count);
    place->count = count;
    return 1;
}

int make_known(Place *place) {
    for (int32_t arc = 0; arc < place->count; arc++)
        if (place->ids[arc] >= place->symbols) place->symbols = place->ids[arc] + 1;
    if (place->count > FEW) {
        place->by_symbol = malloc((size_t)place->symbols * sizeof(int32_t));
        if (place->by_symbol == NULL) return 0;
        memset(place->by_symbol, 0xff, (size_t)place->symbols * sizeof(int32_t));
        for (int32_t arc = 0; arc < place->count; arc++) place->by_symbol[place->ids[arc]] = arc;
    }
    place->known = 1;
    return 1;
}

/* Add a place to what is there, or give NULL. */
static Place *add_place(Query *query) {
    Place *added = APPEND(query->places, query->count, query->room, query->failed);
    if (added != NULL) memset(added, 0, sizeof *added);
    return added;
}

const Place *place_at(Query *query, int32_t number) {
    while (query->count <= number)
        if (add_place(query) == NULL) return NULL;
    Place *place = &query->places[number];
    if (place->known) return place;
    return query->automaton != NULL && make_place(query->automaton, number, place) ? place : NULL;
}

/* Write down the next place: its arcs (count,), or ANYTHING where anything may follow. Gives 0, or NO_MEMORY. */
int32_t machim_query_put(
    Query *query, int32_t count, const int64_t *ids, const float *costs, const int64_t *places) {
    Place *place = add_place(query);
    if (place == NULL) return NO_MEMORY;
    place->free = count == ANYTHING;
    if (place->free) count = 0;
    if (!hold_arcs(place, count)) return NO_MEMORY;
    for (int32_t arc = 0; arc < count; arc++) {
        place->ids[arc] = (int32_t)ids[arc];
        place->costs[arc] = costs[arc];
        place->places[arc] = (int32_t)places[arc];
    }
    return make_known(place) ? 0 : NO_MEMORY;
}

/* Tell how many of some characters (count,) the query admits one after the other, before anything may follow; or
 * NO_MEMORY. */
int32_t machim_query_admits(Query *query, const int32_t *ids, int32_t count) {
    int32_t number = 0;
    for (int32_t at = 0; at < count; at++) {
        const Place *place = place_at(query, number);
        if (place == NULL) return NO_MEMORY;
        int32_t arc = place->free ? -1 : arc_of(place, ids[at]);
        if (arc < 0) return at;
        number = place->places[arc];
    }
    return count;
}

/* Count the arcs of a place, or give ANYTHING, or NO_MEMORY. */
int32_t machim_query_count(Query *query, int32_t number) {
    const Place *place = place_at(query, number);
    if (place == NULL) return NO_MEMORY;
    return place->free ? ANYTHING : place->count;
}

/* Write the arcs of a place that were counted (A,). */
void machim_query_give(Query *query, int32_t number, int64_t *ids, float *costs, int64_t *places) {
    const Place *place = place_at(query, number);
    for (int32_t arc = 0; arc < place->count; arc++) {
        ids[arc] = place->ids[arc];
        costs[arc] = place->costs[arc];
        places[arc] = place->places[arc];
    }
}
