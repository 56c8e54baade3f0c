/* Places of a query, made known one by one; see arcs.h. */
#include "arcs.h"

#include <string.h>

#include "memory.h"

enum { FEW = 8 };

Query *machim_query_new(void) { return calloc(1, sizeof(Query)); }

void machim_query_free(Query *query) {
    for (int32_t place = 0; place < query->count; place++) {
        free(query->places[place].ids);
        free(query->places[place].by_symbol);
    }
    free(query->places);
    free(query);
}

/* Make a place known: its arcs (count,), or a count of -1 where anything may follow. Gives 0, or NO_MEMORY. */
int32_t machim_query_put(
    Query *query, int32_t number, int32_t count, const int64_t *ids, const float *costs, const int64_t *places) {
    int failed = 0;
    while (query->count <= number) {
        Place *added = APPEND(query->places, query->count, query->room, failed);
        if (added == NULL) return NO_MEMORY;
        memset(added, 0, sizeof *added);
    }
    Place *place = &query->places[number];
    if (place->known) return 0;
    place->free = count < 0;
    if (count > 0) {
        place->ids = malloc((size_t)count * (2 * sizeof(int32_t) + sizeof(float)));
        if (place->ids == NULL) return NO_MEMORY;
        place->places = place->ids + count;
        place->costs = (float *)(place->places + count);
        memcpy(place->costs, costs, (size_t)count * sizeof *costs);
        for (int32_t arc = 0; arc < count; arc++) {
            place->ids[arc] = (int32_t)ids[arc];
            place->places[arc] = (int32_t)places[arc];
            if (place->ids[arc] >= place->symbols) place->symbols = place->ids[arc] + 1;
        }
        place->count = count;
    }
    if (count > FEW) {
        place->by_symbol = malloc((size_t)place->symbols * sizeof(int32_t));
        if (place->by_symbol == NULL) return NO_MEMORY;
        memset(place->by_symbol, 0xff, (size_t)place->symbols * sizeof(int32_t));
        for (int32_t arc = 0; arc < count; arc++) place->by_symbol[place->ids[arc]] = arc;
    }
    place->known = 1;
    return 0;
}
