/* The phrases seen that a query admits, best first by their counts and what they cost (model/seen.py): a best-first search
 * over query and index, since no phrase below a position is worth more than the largest count there.
 *
 * Legend: K phrases.
 */
#include "admitted.h"
#include "heap.h"

/* A way through query and index: the way that it goes on from and the symbol that leads on, or -1 and none at the root;
 * where it is in both, what it costs, nats, and the largest count at or below it. */
typedef struct {
    int64_t position;
    double cost;
    float best;
    int32_t before, symbol, place, depth;
} Way;

/* steps: ways looked at; found: (K,) the ways that are whole phrases, whose last symbol is the end symbol. */
typedef struct {
    const Phrases *phrases;
    Mixture mixture;
    Query *query;
    Way *ways;
    int32_t way_count, way_room;
    Heap heap;
    int32_t *found;
    int32_t found_count, found_room;
    int32_t limit, steps;
    int failed;
} SeenWalk;

enum { COMPLETE = 0, GO_ON = 1 };

/* Queue a child of a way, unless it is worth nothing. */
static void queue(SeenWalk *walk, int32_t before, Child child, int32_t place, double cost) {
    double bound = log_share(&walk->mixture, child.best) + cost;
    int32_t depth = before < 0 ? 0 : walk->ways[before].depth + 1;
    if (bound == -INFINITY || (child.symbol == END_ID && depth == 1)) return; /* nothing at all is no phrase */
    Way *way = APPEND(walk->ways, walk->way_count, walk->way_room, walk->failed);
    if (way == NULL) return;
    *way = (Way){child.position, cost, child.best, before, child.symbol, place, depth};
    heap_push(&walk->heap, bound, walk->way_count - 1, &walk->failed);
}

SeenWalk *machim_seen_new(const Phrases *phrases, const Mixture *mixture, Query *query, int32_t limit) {
    SeenWalk *walk = calloc(1, sizeof *walk);
    if (walk == NULL) return NULL;
    walk->phrases = phrases;
    walk->mixture = *mixture;
    walk->query = query;
    walk->limit = limit;
    queue(walk, -1, (Child){BEGIN_ID, phrases->bests[0], 0}, 0, 0.0);
    return walk;
}

void machim_seen_free(SeenWalk *walk) {
    free(walk->ways);
    free(walk->heap.ranked);
    free(walk->found);
    free(walk);
}

/* Queue what a way goes on to: what the index has, and the query admits. */
static void follow(SeenWalk *walk, int32_t number, const Place *place) {
    const Way way = walk->ways[number];
    if (place->free) {
        Children children = children_of(walk->phrases, way.position);
        for (uint32_t rank = children.count; rank--;) /* the last one put in comes first of equals */
            queue(walk, number, child_at(walk->phrases, &children, rank), way.place, way.cost);
        return;
    }
    Admitted admitted = admitted_at(walk->phrases, way.position, place);
    for (uint32_t rank = admitted.count; rank--;) {
        Child child;
        int32_t arc = admitted_arc(&admitted, rank, &child);
        if (arc >= 0) queue(walk, number, child, place->places[arc], way.cost + place->costs[arc]);
    }
}

/* Go on until so many ways were looked at. Gives COMPLETE when what is wanted was found or there is no more, GO_ON when
 * there may be more, or NO_MEMORY. */
int32_t machim_seen_run(SeenWalk *walk, int32_t most_steps) {
    if (walk->failed) return NO_MEMORY;
    while (walk->heap.count > 0 && walk->found_count < walk->limit) {
        int32_t number = walk->heap.ranked[0].item;
        const Way *way = &walk->ways[number];
        const Place *place = NULL;
        if (way->position != END_POSITION) {
            place = place_at(walk->query, way->place);
            if (place == NULL) return NO_MEMORY;
        }
        if (walk->steps >= most_steps) return GO_ON;
        walk->steps++;
        heap_pop(&walk->heap);
        if (place == NULL) {
            int32_t *found = APPEND(walk->found, walk->found_count, walk->found_room, walk->failed);
            if (found != NULL) *found = number;
        } else {
            follow(walk, number, place);
        }
        if (walk->failed) return NO_MEMORY;
    }
    return COMPLETE;
}

/* Give the most that any other phrase comes to, nats. */
double machim_seen_others(const SeenWalk *walk) {
    return walk->heap.count > 0 ? walk->heap.ranked[0].score : -INFINITY;
}

/* Give how many phrases were found, and in `characters` how many they have together. */
int32_t machim_seen_count(const SeenWalk *walk, int64_t *characters) {
    *characters = 0;
    for (int32_t rank = 0; rank < walk->found_count; rank++) *characters += walk->ways[walk->found[rank]].depth - 1;
    return walk->found_count;
}

/* Write of each phrase found (K,) how many characters it has, its count and its cost; and all ids, one after the other. */
void machim_seen_give(const SeenWalk *walk, int32_t *lengths, double *counts, double *costs, int32_t *ids) {
    for (int32_t rank = 0; rank < walk->found_count; rank++) {
        const Way *way = &walk->ways[walk->found[rank]];
        lengths[rank] = way->depth - 1;
        counts[rank] = way->best;
        costs[rank] = way->cost;
        for (int32_t at = lengths[rank]; at--;) {
            way = &walk->ways[way->before];
            ids[at] = way->symbol;
        }
        ids += lengths[rank];
    }
}
